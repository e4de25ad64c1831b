"""The machine that measures: its hardware, its state, its versions, and its measured peaks.

``machine`` reads hardware and frequencies, ``environment`` adds the runtime info of workers,
``provenance`` is what every record states about its origin, and ``peaks`` measures the rates of
arithmetic and memory.
May import ``engines`` and everything below.
"""
