"""The canonical graph, and the counts on it.

A leaf: knows no framework, no zoo, no file format but its own JSON. Frontends build graphs,
everything else reads them.
"""
