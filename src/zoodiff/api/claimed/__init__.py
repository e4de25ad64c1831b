"""The functions and types of ``zoodiff claims`` and ``zoodiff which``."""
