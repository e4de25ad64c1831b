"""Workers: one process per zoo, possibly with its own interpreter.

The parent and a worker exchange length-prefixed JSON frames; arrays are passed as files in shared
folders; nothing is unpickled. May import ``zoos``, ``frontends`` and everything below. ``inside``,
with its imports, runs in the worker and uses only the standard library and numpy, because a zoo's
environment may lack zoodiff's other dependencies.
"""
