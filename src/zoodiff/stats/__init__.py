"""Intervals and paired tests, thin over scipy and statsmodels.

A leaf: knows numbers only, no zoo, no record.
"""
