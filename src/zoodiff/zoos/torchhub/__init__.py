"""The zoo ``torchhub``: networks that the ``hubconf.py`` of a repository or a folder builds.

``catalogue`` knows no framework and ``backend`` runs in the worker; ``repositories`` fetches the
code of a repository at a commit.
"""

from zoodiff.zoos.torchhub.catalogue import ZOO

__all__ = ["ZOO"]
