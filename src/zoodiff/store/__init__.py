"""The result store: a folder of immutable, content-addressed records, and the runs over it.

May import the leaves below it. A record is written under a temporary name, flushed and renamed, so
a killed run loses no finished record.
"""
