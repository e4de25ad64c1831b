"""Layouts of data sets of images: one module per layout, and ``choose``, which recognises them.

A layout lists images and their labels without decoding any; ``open_images`` opens a data set in any
layout. May import the leaves only.
"""

from zoodiff.data.layouts.choose import open_images

__all__ = ["open_images"]
