"""Workers: one process per zoo, possibly with an interpreter of its own.

The parent speaks to a worker in length-prefixed JSON frames; arrays travel as memory-mapped
``.npy`` files in a scratch folder; nothing is ever unpickled. May import ``zoos``, ``frontends``
and everything below. ``inside``, and what it imports, runs in the worker and uses only the standard
library and numpy, because a zoo's environment may hold nothing else of ours.
"""
