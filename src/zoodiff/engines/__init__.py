"""Engines do jobs in slots: ``local`` in threads of this process, ``ray`` in a cluster.

``base`` says what an engine is, ``schedule`` which job is done next, ``local`` holds the workers of
one slot. May import ``workers`` and everything below.
"""
