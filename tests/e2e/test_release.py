"""What is released: a source archive and a wheel, built here and installed into clean environments.

Needs the package registry, like every installation; without it the tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import zoodiff

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
LARGEST_INSTALLED = 15_000_000
LARGEST_ARCHIVE = 10_000_000
EXTRAS = {
    "torch": ["fingerprint", "torchvision:resnet18"],
    "timm": ["fingerprint", "timm:resnet18"],
    "hf": ["claims", "resnet50"],
    "keras": ["fingerprint", "keras:MobileNetV2"],
    "openvino": ["zoos"],
    "tflite": ["zoos"],
    "accuracy": ["zoos"],
    "mini": ["list", "mini"],
    "remote": ["zoos"],
}
"""What each extra is tried with, beside ``onnx``."""


def run(*command: str | Path, cwd: Path, seconds: float = 600) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would: without the variables that lead to this checkout."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=kept | {"ZOODIFF_HOME": str(cwd / "home"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel that was built from it."""
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    done = run(*command, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def wheel_of(folder: Path) -> Path:
    (wheel,) = folder.glob("*.whl")
    return wheel


def installed(folder: Path, wheel: Path, extra: str = "") -> Path:
    """The programs of a new environment with the wheel in it."""
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / "bin"
    pip = [programs / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    wanted = f"{wheel}[{extra}]" if extra else str(wheel)
    done = run(*pip, "--constraint", ROOT / "constraints.txt", wanted, cwd=folder, seconds=1800)
    if "No matching distribution" in done.stderr or "Failed to establish" in done.stderr:
        pytest.skip("the package registry cannot be reached, or lacks a package")
    assert done.returncode == 0, done.stderr
    return programs


def test_the_archives_have_what_they_should(built: Path) -> None:
    wheel = wheel_of(built)
    assert f"-{zoodiff.__version__}-" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    assert sum(sizes.values()) < LARGEST_INSTALLED
    assert {"zoodiff/py.typed", "zoodiff/studies/quick.toml"} <= set(sizes)
    assert any(name.startswith("zoodiff/claims/") and "." in name for name in sizes)
    tops = {name.split("/")[0] for name in sizes}
    assert tops == {"zoodiff", f"zoodiff-{zoodiff.__version__}.dist-info"}
    assert not [name for name in sizes if "__pycache__" in name or name.endswith(".pyc")]
    (source,) = built.glob("*.tar.gz")
    assert source.stat().st_size < LARGEST_ARCHIVE
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "CITATION.cff"}
    assert wanted | {"docs/stability.md", "tools/write_schemas.py", "tests/conftest.py"} <= names


def test_the_core_alone(built: Path, tmp_path: Path) -> None:
    """Without a framework: version, example, claims, and a sentence where one is missing."""
    programs = installed(tmp_path, wheel_of(built))
    said = run(programs / "zoodiff", "--version", cwd=tmp_path)
    assert said.stdout == f"zoodiff {zoodiff.__version__}\n"
    assert run(programs / "zoodiff", "example", cwd=tmp_path).returncode == 0
    claims = run(programs / "zoodiff", "claims", "resnet50", "--json", cwd=tmp_path)
    assert len(json.loads(claims.stdout)) > 20, claims.stderr
    refused = run(programs / "zoodiff", "diff", "a.onnx", "b.onnx", cwd=tmp_path)
    assert refused.returncode == 3
    assert "zoodiff[onnx]" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    listed = run(programs / "python", "-m", "pip", "list", "--format", "json", cwd=tmp_path)
    packages = {package["name"].lower() for package in json.loads(listed.stdout)}
    assert not packages & {"torch", "tensorflow", "keras", "onnx", "onnxruntime", "pandas"}


@pytest.mark.onnx
def test_two_files_are_compared_with_the_extra_onnx(built: Path, tmp_path: Path) -> None:
    """From the installation to the first answer, as the README has it."""
    programs = installed(tmp_path, wheel_of(built), "onnx")
    assert run(programs / "zoodiff", "example", cwd=tmp_path).returncode == 0
    for other, same in (("b.onnx", False), ("c.onnx", True)):
        done = run(programs / "zoodiff", "diff", "a.onnx", other, "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert document["schema"] == "zoodiff/diff/1"
        assert document["answer"]["same_function"] is same


@pytest.mark.slow
@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_complete(built: Path, tmp_path: Path, extra: str) -> None:
    programs = installed(tmp_path, wheel_of(built), extra)
    done = run(programs / "zoodiff", *EXTRAS[extra], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
