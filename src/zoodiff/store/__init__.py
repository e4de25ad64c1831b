"""The result store: a folder of immutable, content-addressed records, and the runs over it.

May import the leaves below it. A killed run loses nothing that was finished, because a record is
written to a temporary name, flushed, and renamed.
"""
