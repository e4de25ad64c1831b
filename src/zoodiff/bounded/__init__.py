"""Reading what somebody else made, with a limit before memory or time is taken.

``files`` opens regular files only and reads so many bytes of them, ``toml`` and ``json`` parse
texts of bounded size, ``zips`` reads the directory of an archive. May import the errors only.
"""
