"""Containers of images and numbers, parsed in a separate process.

``process`` is the parent's side: it starts the process, hands it the bytes that it asks for and
takes answers of a bounded size. ``child`` is the other: it opens nothing by itself, has limits of
memory and of processor time, and may call the kernel for little more than reading its socket.
``parquet`` and ``matlab`` are what it can parse. May import what ``data`` may.
"""
