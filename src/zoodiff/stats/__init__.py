"""Intervals and paired tests of numbers, thin layers over scipy and statsmodels.

A leaf: it imports nothing else of zoodiff.
"""
