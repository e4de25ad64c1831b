"""The machine that measures: its hardware, its state, its versions, and its measured peaks.

``machine`` reads hardware and frequencies, ``environment`` what workers run with, ``provenance``
what every record says of its origin, ``peaks`` the fastest arithmetic and memory traffic measured.
May import ``engines`` and everything below.
"""
