"""Accuracy of entries on the same images, and the differences between them.

``measure`` evaluates entries and stores records, ``comparison`` compares records, ``discrepancies``
compares the records of a study, ``attribution`` decomposes a difference into causes. May import
``equivalence`` and everything below, never ``latency``.
"""
