"""The picture of a diff: two networks side by side, aligned row by row.

The layout is computed here, in plain values, and drawn as a page, as SVG, or as PNG; two exports
serve other viewers. May import ``equivalence`` and everything below; compares nothing itself.
"""

from zoodiff.picture.files import Picture
from zoodiff.picture.subject import Subject

__all__ = ["Picture", "Subject"]
