"""Model files as entries: ``file:path/to/model.onnx``, or just the path.

The format of a file is recognised by its content. Each format has its own worker side, because
frameworks share no process; files are untrusted and are opened only in workers.
"""

from zoodiff.zoos.files.entries import FileEntry, is_file, resolve

__all__ = ["FileEntry", "is_file", "resolve"]
