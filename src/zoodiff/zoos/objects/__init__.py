"""Networks that the caller holds in Python, as entries.

They run in the caller's own process, with the framework that is there already, and are left as they
are: nothing here writes weights or changes a mode. A framework is imported only where the object's
type shows that it is loaded.
"""
