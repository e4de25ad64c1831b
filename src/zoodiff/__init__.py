"""zoodiff: discrepancies between pre-trained networks of the same name in different model zoos."""

from zoodiff._version import __version__

__all__ = ["__version__"]
