"""Virtual environments of the zoos that cannot use zoodiff's own."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

from zoodiff.errors import MeasurementError, MissingFrameworkError, UsageError
from zoodiff.workers import paths
from zoodiff.zoos.base import Environment, WorkerSpec

READY = "zoodiff-ready.json"
"""Written last: an environment without this file is an interrupted installation."""


def folder(name: str) -> Path:
    """Return the folder of the environment of this name."""
    return paths.environments() / name


def variable(name: str) -> str:
    """Return the environment variable that names a user's own interpreter."""
    return f"ZOODIFF_{name.upper().replace('-', '_')}_PYTHON"


def interpreter(name: str) -> Path | None:
    """Return the interpreter of a complete environment, or None.

    ``ZOODIFF_<NAME>_PYTHON`` names an interpreter that the user manages.
    """
    named = os.environ.get(variable(name))
    if named:
        return Path(named)
    python = folder(name) / "bin" / "python"
    return python if (folder(name) / READY).is_file() and python.exists() else None


def interpreter_for(spec: WorkerSpec) -> Path:
    """Return a worker's interpreter; raise MissingFrameworkError with what to install."""
    if spec.environment is not None:
        _check_installed(spec, spec.environment.shared)
        python = interpreter(spec.environment.name)
        if python is None:
            raise MissingFrameworkError(
                f"{spec.name} needs an environment of its own; make it with: "
                f"zoodiff env create {spec.environment.name}"
            )
        if not python.exists():
            raise MissingFrameworkError(f"the interpreter {python} of {spec.name} does not exist")
        return python
    _check_installed(spec, spec.distributions)
    return Path(sys.executable)


def _check_installed(spec: WorkerSpec, distributions: Sequence[str]) -> None:
    missing = [name for name in distributions if not _installed(name)]
    if missing:
        remedy = (
            f'install it with: pip install "zoodiff[{spec.extra}]"'
            if spec.extra
            else f"install it with: pip install {' '.join(missing)}"
        )
        raise MissingFrameworkError(f"{spec.name} needs {', '.join(missing)}; {remedy}")


def versions(spec: WorkerSpec) -> dict[str, str | None]:
    """Return the installed version of each of a zoo's distributions; None for a missing one."""
    if spec.environment is None:
        return {name: _version(name) for name in spec.distributions}
    site = interpreter(spec.environment.name)
    if site is None:
        return dict.fromkeys(spec.distributions)
    folders = [str(p) for p in (site.parent.parent / "lib").glob("python3*/site-packages")]
    installed = {
        (d.metadata["Name"] or "").lower().replace("_", "-"): d.version
        for d in importlib.metadata.distributions(path=folders)
    }
    own = {name: installed.get(name.lower().replace("_", "-")) for name in spec.distributions}
    if not spec.environment.shared:
        return own
    # pip installs nothing that zoodiff's packages, which its interpreter sees, have already.
    return {name: version or _version(name) for name, version in own.items()}


def create(environment: Environment, say: Callable[[str], None], *, again: bool = False) -> Path:
    """Create an environment and return its interpreter; report progress to ``say``.

    An incomplete or outdated environment is created anew; a complete one is kept unless ``again``.
    Raises MeasurementError if the packages cannot be installed.
    """
    target = folder(environment.name)
    expected = _ready_text(environment)
    ready = target / READY
    if not again and ready.is_file() and ready.read_text() == expected:
        return target / "bin" / "python"
    shutil.rmtree(target, ignore_errors=True)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot make {target.parent} ({error.strerror}); name another folder with ZOODIFF_HOME"
        ) from None
    say(f"making a virtual environment in {target}")
    _run([sys.executable, "-m", "venv", str(target)], environment.name, say)
    command = [str(target / "bin" / "python"), "-m", "pip", "install", "--progress-bar", "off"]
    constraints = _constraints(environment)
    if constraints is not None:
        command += ["--constraint", str(constraints)]
    if environment.shared:
        _share_packages(target)
        command.append("--no-deps")
    _run([*command, *environment.requirements], environment.name, say)
    if environment.without_dependencies:
        unaided = [*command, "--no-deps", *environment.without_dependencies]
        _run(unaided, environment.name, say)
    ready.write_text(expected)
    return target / "bin" / "python"


def remove(name: str) -> bool:
    """Delete an environment; return False if it does not exist."""
    existed = folder(name).exists()
    shutil.rmtree(folder(name), ignore_errors=True)
    return existed


def code_link(package: Path) -> Path:
    """Return a folder with only a link to this package, for ``PYTHONPATH``.

    The package's parent folder would bring all its packages into the other environment.
    """
    name = hashlib.sha256(str(package).encode()).hexdigest()[:12]
    link = paths.home() / "code" / name / package.name
    if not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # another process was faster
            link.symlink_to(package, target_is_directory=True)
    return link.parent


def _run(command: list[str], name: str, say: Callable[[str], None]) -> None:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        last = ""
        for line in process.stdout:
            if line.strip():
                last = line.strip()
                say(last)
    if process.returncode != 0:
        raise MeasurementError(
            f'the environment {name} could not be made: "{last[:300]}"; see that there is a '
            "network and room, or name another folder with ZOODIFF_HOME"
        )


def _share_packages(target: Path) -> None:
    """Let an environment's interpreter import zoodiff's packages, after its own."""
    own = [p for p in sys.path if Path(p).name in {"site-packages", "dist-packages"}]
    for folder_of_packages in target.glob("lib/python3*/site-packages"):
        text = "".join(f"{p}\n" for p in own)
        (folder_of_packages / "zoodiff-packages.pth").write_text(text, encoding="utf-8")


def _constraints(environment: Environment) -> Path | None:
    if environment.constraints is None:
        return None
    file = resources.files("zoodiff.workers") / "constraints" / environment.constraints
    return Path(str(file))


def _ready_text(environment: Environment) -> str:
    constraints = _constraints(environment)
    text = constraints.read_text() if constraints else ""
    contents: dict[str, object] = {
        "requirements": list(environment.requirements),
        "constraints_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "python": sys.version.split()[0],
    }
    if environment.without_dependencies:
        contents["without_dependencies"] = list(environment.without_dependencies)
    if environment.shared:
        contents["shared"] = list(environment.shared)
    return json.dumps(contents)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _installed(distribution: str) -> bool:
    return _version(distribution) is not None
