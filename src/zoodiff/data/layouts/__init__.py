"""How data sets of images are kept: a module for each layout, and which one a path is.

May import the leaves only. A layout lists images and their labels without decoding any; opening
one is ``zoodiff.data.layouts.open_images``.
"""

from zoodiff.data.layouts.choose import open_images

__all__ = ["open_images"]
