"""Scan untrusted files before they are loaded; nothing of them is run, imported or unpacked.

One module per kind of content, and a folder for PyTorch's formats with code. Each check raises
RefusedError with the code of a rule if it refuses the file. Checks run inside the confined worker;
``archive`` also runs when a format is recognised.
"""
