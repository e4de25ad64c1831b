"""Engines run jobs in slots: ``local`` in threads of this process, ``ray`` in a cluster.

``base`` is the protocol of engines, ``schedule`` chooses the next job, ``slot`` is a thread that
runs jobs, ``pool`` holds its workers, ``threads`` and ``ray`` are the engines. May import
``workers`` and everything below.
"""
