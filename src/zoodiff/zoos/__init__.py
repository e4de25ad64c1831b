"""One file a zoo: its catalogue, which knows no framework, and its backend, for the worker.

May import frontends and everything below them. Frameworks are imported inside functions of
backends only; ``zoodiff --help`` and ``zoodiff claims`` must never pay for them.
"""
