"""How values are worded in a report: numbers, links, addresses of views, states of weights.

Each module formats one kind of value. A new format of a value goes here. May import ``study`` and
everything below, but nothing else of ``report``.
"""
