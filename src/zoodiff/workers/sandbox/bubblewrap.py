"""Start the worker in its own namespaces with bubblewrap, if it works.

The worker sees the machine's files but cannot change them, has no network and no other process to
talk to, and its own scratch folder is the only place that it can write to. Places where people
keep keys are empty.
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
"""Below the home folder."""
_SECONDS = 10


def wrapped(command: Sequence[str], scratch: Path, *shared: Path) -> list[str]:
    """Return the command in bubblewrap, or unchanged if bubblewrap does not work here.

    It can write to ``scratch`` and read the folders ``shared``, which may lie where nothing else
    is seen (``/dev/shm``).
    """
    return [*_arguments(scratch, *shared), *command] if not missing() else list(command)


@functools.cache
def missing() -> str:
    """Test bubblewrap; return the reason for which it fails, or the empty string."""
    if sys.platform != "linux":
        return "bubblewrap is Linux's"
    if program() is None:
        return "bubblewrap is not installed (the command bwrap)"
    with tempfile.TemporaryDirectory(prefix="zoodiff-try-") as folder:
        # The worker's own interpreter is what must be seen inside.
        command = [*_arguments(Path(folder)), sys.executable, "-S", "-E", "-c", "pass"]
        try:
            found = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"bubblewrap does not start ({error})"
    if found.returncode == 0:
        return ""
    said = " ".join(found.stderr.decode(errors="replace").split())[:160]
    return f"bubblewrap does not work here ({said or f'exit code {found.returncode}'})"


def program() -> str | None:
    """Return the path of the command; relative folders of ``PATH`` are not searched.

    The current folder may be one that untrusted files were unpacked in.
    """
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which("bwrap", path=os.pathsep.join(filter(os.path.isabs, places)) or os.defpath)


def _arguments(scratch: Path, *shared: Path) -> list[str]:
    made = [program() or "bwrap", "--unshare-user", "--unshare-ipc", "--unshare-pid"]
    made += ["--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    made += ["--die-with-parent", "--cap-drop", "ALL"]
    made += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for device in accelerators():
        made += ["--dev-bind", str(device), str(device)]
    home = Path.home()
    for name in _SECRETS:
        place = home / name
        if place.is_symlink():  # bubblewrap mounts over no link
            place = place.resolve()
        if place.is_dir():
            made += ["--tmpfs", str(place), "--remount-ro", str(place)]
        elif place.is_file():
            made += ["--ro-bind", "/dev/null", str(place)]
    for folder in shared:
        made += ["--ro-bind", str(folder), str(folder)]
    made += ["--bind", str(scratch), str(scratch)]
    # What is written there would take memory that nobody counts; devices can still be written to.
    made += ["--remount-ro", "/dev"]
    return [*made, "--chdir", "/", "--"]
