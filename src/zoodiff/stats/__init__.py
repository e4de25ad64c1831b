"""Intervals and paired tests of numbers, thin layers over scipy.

A leaf: it imports nothing else of zoodiff.
"""
