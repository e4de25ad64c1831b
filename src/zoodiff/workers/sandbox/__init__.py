"""The sandbox of workers that open untrusted files.

``bubblewrap`` puts the worker into its own namespaces, if that works; ``confine`` runs inside the
worker before any import and sets resource limits, Landlock and seccomp; ``available`` tests which
protections are in force on this machine; ``sources`` returns the code that the parent sends to the
worker to confine it. ``confine`` uses the standard library, and two small packages if installed.
"""
