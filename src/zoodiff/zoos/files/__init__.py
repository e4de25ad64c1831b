"""Model files as entries: ``file:path/to/model.onnx``, or just the path.

What a file is follows from its content, not from its name. Each format has a worker side of its
own, since frameworks share no process; files are foreign and are opened in workers only.
"""

from zoodiff.zoos.files.entries import FileEntry, is_file, resolve

__all__ = ["FileEntry", "is_file", "resolve"]
