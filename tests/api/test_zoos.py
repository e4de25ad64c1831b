"""Zoos and their environments from Python."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path

import pytest

import zoodiff
from zoodiff.api.zoos import find_environment
from zoodiff.errors import UnknownNameError, UsageError


def test_versions_are_those_of_the_installed_packages() -> None:
    report = zoodiff.zoos_report()
    states = {state.zoo: state for state in report.zoos}
    assert set(states) == {point.name for point in entry_points(group="zoodiff.zoos")}
    for package, found in states["torchvision"].versions.items():
        try:
            assert found == version(package)
        except PackageNotFoundError:
            assert found is None
    shared = [state for state in report.zoos if state.environment is None]
    assert shared
    for state in shared:
        assert state.usable == all(state.versions.values()), state.zoo
        assert (state.reason is None) == state.usable
    assert states["tfmg"].environment == "tfmg"
    assert report.to_dict()["protections"][0]["name"] == report.protections[0].name


def test_an_environment_is_found_by_its_name_and_made_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path))
    monkeypatch.delenv("ZOODIFF_TFMG_PYTHON", raising=False)
    states = {state.environment.name: state for state in zoodiff.environments()}
    assert "tfmg" in states["tfmg"].zoos
    assert states["tfmg"].python is None
    assert zoodiff.remove_environment("tfmg") is False
    monkeypatch.setenv("ZOODIFF_TFMG_PYTHON", "/somewhere/python")
    assert find_environment("tfmg").python == Path("/somewhere/python")


@pytest.mark.parametrize("call", [zoodiff.create_environment, zoodiff.remove_environment])
def test_an_environment_that_no_zoo_asks_for_is_not_touched(call: object) -> None:
    with pytest.raises(UnknownNameError, match=r'no zoo has an environment "tfgm".*tfmg'):
        call("tfgm")  # type: ignore[operator]


def test_code_is_allowed_by_the_hash_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path / "home"))
    (tmp_path / "a.pt").write_bytes(b"code")
    digest = zoodiff.allow_code(tmp_path / "a.pt")
    assert digest == hashlib.sha256(b"code").hexdigest()
    assert digest in (tmp_path / "home" / "allowed-code.txt").read_text()
    with pytest.raises(UsageError, match="cannot be allowed"):
        zoodiff.allow_code(tmp_path / "missing.pt")


def test_rules_are_found_by_their_code() -> None:
    rules = zoodiff.all_rules()
    assert len({rule.code for rule in rules}) == len(rules) > 50
    assert zoodiff.find_rule("arc101") is rules[0]
    with pytest.raises(UnknownNameError, match='no rule "ARC999"'):
        zoodiff.find_rule("ARC999")
