"""Looks at an untrusted file before it is loaded: nothing of it is run, imported or unpacked.

One file a kind of content. Each check returns nothing, or raises RefusedError with the code of a
rule; they run inside the confined worker, and ``archive`` also where a format is recognised.
"""
