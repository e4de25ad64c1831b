"""One folder per zoo: its catalogue, without a framework, and its backend, for the worker.

``runtime`` holds code that backends share, ``files`` turns model files into entries, ``scan``
checks files before they are loaded. May import frontends and everything below them. Only functions
of backends import frameworks, so that ``zoodiff --help`` and ``zoodiff claims`` start fast.
"""
