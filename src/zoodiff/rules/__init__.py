"""Rules: named kinds of difference, each with code, name, check and explanation.

One file a family. A rule looks at two aligned layers, at layers that only one network has, or at
the networks as a whole, and names what it sees; it may import the graph package and nothing of
zoodiff above it. Adding one is a ``register`` call and a page in ``docs/rules`` (written by
``python tools/write_rule_pages.py``).
"""
