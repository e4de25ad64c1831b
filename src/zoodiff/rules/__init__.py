"""Rules: named kinds of difference.

A rule is one object (``rule.py``): its code, name, check, texts, example and references. Those with
a check are in ``architecture/``; those that other parts of the tool report are in ``reported/``.
``catalogue`` lists and orders them, ``engine`` runs them. This folder may import ``graph``.
"""
