"""The sandbox of workers that open untrusted files.

``bubblewrap`` wraps the worker's command in namespaces of its own, where that works; ``confine``
runs inside the worker before anything is imported and sets resource limits, Landlock and seccomp;
``available`` says, by trying, which of them are in force on this machine; ``sources`` are the texts
that a worker is sent to confine itself with. ``confine`` uses the standard library and two small
packages, each only where it is installed.
"""
