"""Adding and removing zoos that TOML files describe."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.company import TOML, write_zoo
from support.text.commands import said
from zoodiff.api.zoos import add_zoo, remove_zoo, zoo_problems
from zoodiff.errors import UnknownNameError, UsageError
from zoodiff.zoos import registry

pytestmark = pytest.mark.onnx


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ZOODIFF_ZOOS", raising=False)
    return write_zoo(tmp_path)


def test_a_zoo_is_added_and_removed(file: Path) -> None:
    assert "acme" not in registry.zoos()
    state = add_zoo(file)
    assert (state.zoo, state.entries, state.definition) == ("acme", 4, str(file))
    assert "acme" in registry.zoos()
    assert remove_zoo("acme") == str(file)
    assert "acme" not in registry.zoos()
    assert file.exists()


def test_adding_twice_is_once(file: Path) -> None:
    add_zoo(file)
    add_zoo(file)
    assert list(registry.zoos()).count("acme") == 1


def test_a_name_that_is_taken_is_refused(file: Path) -> None:
    file.write_text(TOML.replace('name = "acme"', 'name = "torchvision"'))
    with pytest.raises(UsageError, match='there is a zoo "torchvision" already'):
        add_zoo(file)
    file.write_text(TOML)
    add_zoo(file)
    other = file.with_name("other.toml")
    other.write_text(TOML)
    with pytest.raises(UsageError, match=r"described by .*acme\.toml; take another name"):
        add_zoo(other)


def test_a_file_that_moved_is_one_sentence_and_the_rest_goes_on(file: Path) -> None:
    add_zoo(file)
    file.rename(file.with_name("moved.toml"))
    assert "torchvision" in registry.zoos()
    with pytest.raises(registry.BrokenZooError) as raised:
        registry.resolve("acme:tiny")
    assert str(raised.value) == (
        f'the zoo "acme" is described by {file}, which is not there; add it anew with zoodiff zoos '
        "add FILE, or forget it with zoodiff zoos remove acme"
    )
    assert str(raised.value) in zoo_problems()
    add_zoo(file.with_name("moved.toml"))
    assert str(registry.resolve("acme:tiny").ref) == "acme:tiny@v2"


def test_a_file_that_became_invalid_or_changed_its_name_is_said(file: Path) -> None:
    add_zoo(file)
    file.write_text(TOML + "[[entries]]\n")
    assert "acme.toml" in registry.broken()["acme"]
    file.write_text(TOML.replace('name = "acme"', 'name = "emca"'))
    assert 'is called "emca"' in registry.broken()["acme"]


def test_removing_what_was_not_added_is_an_error(file: Path) -> None:
    with pytest.raises(UnknownNameError, match='no zoo "acme" was added; none was added'):
        remove_zoo("acme")
    add_zoo(file)
    with pytest.raises(UnknownNameError, match="did you mean acme"):
        remove_zoo("acm")


def test_files_of_the_environment_need_no_adding(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOODIFF_ZOOS", f"{file}:{file.parent}/none.toml")
    assert "acme" in registry.zoos()
    assert f"ZOODIFF_ZOOS lists {file.parent}/none.toml, which is not there" in zoo_problems()
    with pytest.raises(UsageError, match="take its file out of the variable"):
        remove_zoo("acme")


def test_the_command_says_what_is_missing(file: Path) -> None:
    text, code = said(["zoos", "add", str(file)])
    assert code == 0
    assert "acme added: 4 models" in text
    assert "there is no file gone.onnx" in text
    text, code = said(["list", "--zoo", "acme"])
    assert code == 0
    assert "mobile/narrow" in text
    assert text.count("there is no file gone.onnx") == 1
    assert "mobile/narrow" in said(["list", "acme"])[0]
    text, code = said(["zoos", "remove", "acme"])
    assert (text, code) == (f"acme removed; its file {file} is kept\n", 0)
