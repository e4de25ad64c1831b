"""Engines run tasks. ``local`` keeps one worker process per zoo on this machine.

May import ``workers`` and everything below.
"""
