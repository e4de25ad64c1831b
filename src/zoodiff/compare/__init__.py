"""Discrepancies between entries: in what zoos claim, in accuracy, latency and architecture.

Reads records and claims, measures nothing, and gives the one value that reports are made of
(``result.StudyResult``). It may import everything below the report; the report reads its results.
"""
