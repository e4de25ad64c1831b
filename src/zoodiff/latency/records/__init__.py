"""The records of latency: find those of earlier runs, and read runs and ratios from them.

``keys`` builds the keys that a study and ``zoodiff latency`` share, ``run`` reads the samples of a
run, ``parts`` decomposes its ratios. May import ``benchmark``, ``attribution`` and everything that
they import.
"""
