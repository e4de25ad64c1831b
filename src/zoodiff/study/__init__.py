"""Measurements: architecture, latency, accuracy, each planned, run in workers, and recorded.

May import ``engines`` and everything below. ``study`` reads study files, ``plan`` turns one into
tasks, ``run`` works through them and can be interrupted at any point.
"""
