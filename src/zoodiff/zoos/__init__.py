"""One folder per zoo: its catalogue, which knows no framework, and its backend, for the worker.

``runtime`` holds what backends share, ``files`` makes model files entries, ``scan`` checks files
before they are loaded. May import frontends and everything below them. Frameworks are imported
inside functions of backends only; ``zoodiff --help`` and ``zoodiff claims`` must never pay for
them.
"""
