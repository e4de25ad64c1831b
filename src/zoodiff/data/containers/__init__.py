"""Containers of images and numbers, parsed in a separate process.

``process`` is the parent's side: it starts the process, sends the bytes that the process requests
and accepts answers of limited size. ``child`` runs in the process: it opens no files, its memory
and processor time are limited, and it may make few system calls beyond reading its socket.
``parquet`` and ``matlab`` are the parsers. May import what ``data`` may.
"""
