"""Readers of untrusted files that enforce limits before they use memory or time.

``files`` opens regular files only and reads them up to a limit of bytes, ``toml`` and ``json``
parse texts of bounded size, ``zips`` reads the directory of an archive. May import the errors only.
"""
