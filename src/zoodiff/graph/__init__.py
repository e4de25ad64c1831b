"""The canonical layer graph and what can be counted on it.

A leaf: knows no framework, no zoo, no file format but its own JSON. Frontends build graphs,
everything else reads them.
"""
