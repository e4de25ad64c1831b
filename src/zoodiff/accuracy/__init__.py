"""Accuracy of entries on the same images, and the differences between them.

``measure`` evaluates entries and makes records, ``comparison`` compares records, ``discrepancies``
those of a study, ``attribution`` says where a difference comes from. May import ``equivalence``
and everything below, never ``latency``.
"""
