"""Start the worker in its own namespaces with bubblewrap, if it works.

The worker can read the machine's files and write only to its scratch folder. It has no network and
sees no other process. Folders where users keep keys appear empty.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from zoodiff.workers.sandbox.confine import accelerators

_SECRETS = (
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".oci",
    ".kaggle",
    ".password-store",
    ".config/gcloud",
    ".config/gh",
    ".config/rclone",
    ".local/share/keyrings",
    ".mozilla",
    ".netrc",
    ".pypirc",
    ".npmrc",
    ".git-credentials",
    ".huggingface",
    ".cache/huggingface/token",
    ".cache/huggingface/stored_tokens",
)
"""Folders and files with keys, below the home folder."""
_SECONDS = 10


def wrapped(command: Sequence[str], scratch: Path, *shared: Path) -> list[str]:
    """Return the command in bubblewrap, or unchanged if bubblewrap does not work here.

    The command can write to ``scratch`` and read the folders ``shared``, which may be in
    ``/dev/shm``, otherwise hidden.
    """
    return [*_arguments(scratch, *shared), *command] if not missing() else list(command)


@functools.cache
def missing() -> str:
    """Test bubblewrap; return the reason why it fails, or the empty string."""
    if sys.platform != "linux":
        return "bubblewrap is Linux's"
    if program() is None:
        return "bubblewrap is not installed (the command bwrap)"
    with tempfile.TemporaryDirectory(prefix="zoodiff-try-") as folder:
        # The worker's interpreter must be visible inside.
        command = [*_arguments(Path(folder)), sys.executable, "-S", "-E", "-c", "pass"]
        try:
            result = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"bubblewrap does not start ({error})"
    if result.returncode == 0:
        return ""
    message = " ".join(result.stderr.decode(errors="replace").split())[:160]
    return f"bubblewrap does not work here ({message or f'exit code {result.returncode}'})"


def program() -> str | None:
    """Return the path of the command; relative folders of ``PATH`` are not searched.

    The current folder may hold untrusted files.
    """
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which("bwrap", path=os.pathsep.join(filter(os.path.isabs, places)) or os.defpath)


def _arguments(scratch: Path, *shared: Path) -> list[str]:
    arguments = [program() or "bwrap", "--unshare-user", "--unshare-ipc", "--unshare-pid"]
    arguments += ["--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    arguments += ["--die-with-parent", "--cap-drop", "ALL"]
    arguments += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for device in accelerators():
        arguments += ["--dev-bind", str(device), str(device)]
    home = Path.home()
    for name in _SECRETS:
        place = home / name
        if place.is_symlink():  # bubblewrap cannot mount over a link
            place = place.resolve()
        if place.is_dir():
            arguments += ["--tmpfs", str(place), "--remount-ro", str(place)]
        elif place.is_file():
            arguments += ["--ro-bind", "/dev/null", str(place)]
    for folder in shared:
        arguments += ["--ro-bind", str(folder), str(folder)]
    arguments += ["--bind", str(scratch), str(scratch)]
    # Files there would take uncounted memory; devices can still be written to.
    arguments += ["--remount-ro", "/dev"]
    return [*arguments, "--chdir", "/", "--"]
