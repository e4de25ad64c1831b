"""A report's tables as files: ``discrepancies`` as data, ``papers`` as CSV, LaTeX and Markdown.

A new format of a table goes here. May import ``app``, ``sections``, ``words`` and everything below
``report``.
"""
