"""The parts of a report, each formatted from a ``StudyResult`` in one module.

``page`` puts them together for the templates, and ``app`` passes them to the scripts. A new
section goes here. May import ``words``, ``charts`` and everything below ``report``.
"""
