"""The types of the results of the API, by subject, for those who render them.

``accuracy``, ``latency``, ``names`` and ``study`` hold the types of one report's parts, ``shared``
those of several. Nothing is defined here: a type is exported from where it lives.
"""
