"""Architectures: networks described as graphs, and the differences between two of them.

``describe`` and ``survey`` build graphs in workers and record their counts, ``diff`` aligns two
graphs and names what differs, ``mismatches`` lists properties in which entries disagree. May
import ``host`` and everything below.
"""
