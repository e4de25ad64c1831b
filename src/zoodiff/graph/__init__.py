"""The canonical graph, and the counts on it.

Imports no framework and no zoo, and knows no file format but its own JSON. Frontends build graphs,
everything else reads them.
"""
