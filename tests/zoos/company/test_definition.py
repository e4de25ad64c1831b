"""The TOML file of a company's zoo: every mistake is one sentence with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.company import TOML
from zoodiff.errors import UsageError
from zoodiff.zoos.company.definition import read


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "acme.toml"
    path.write_text(text)
    return path


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    import hashlib

    path = written(tmp_path, TOML)
    assert read(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


ENTRY = '[[entries]]\nname = "a"\nfile = "a.onnx"\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = 3\n" + ENTRY, "name = '3' is not valid (input should be a valid string)"),
        (ENTRY, 'the key "name" is missing'),
        ('name = "a"\n', 'the key "entries" is missing'),
        ('name = "a"\nentries = []\n', "it has no [[entries]]"),
        ('name = "a b"\n' + ENTRY, 'name = "a b" is no name of a zoo'),
        ('name = "file"\n' + ENTRY, 'name = "file" is no name of a zoo'),
        ('name = "a"\ntitel = "x"\n' + ENTRY, 'unknown key "titel"; did you mean title?'),
        ('name = "a"\n' + ENTRY + 'lables = "x"\n', "did you mean labels?"),
        ('name = "a"\n' + ENTRY + "[entries.claims]\ntop_1 = 3\n", "did you mean top1"),
        ('name = "a"\n' + ENTRY + "[entries.claims]\ntop1 = 176.1\n", "entries[1].claims[1].top1"),
        ('name = "a"\n' + ENTRY + 'files = "*"\n', "not file and files"),
        ('name = "a"\n[[entries]]\nname = "b"\n', "name one of file, files and weights, not none"),
        ('name = "a"\n[[entries]]\nfile = "b"\n', 'entries[1]: the key "name" is missing'),
        ('name = "a"\n' + ENTRY + ENTRY, 'the name "a" occurs twice'),
        ('name = "a"\n' + ENTRY + 'format = "onx"\n', "there are onnx, tflite, keras"),
        (
            'name = "a"\n[[entries]]\nname = "b"\ndefault = "v2"\n'
            '[entries.weights.v1]\nfile = "x"\n',
            'default = "v2" is none of its weights',
        ),
        (
            'name = "a"\n[[entries]]\nname = "b"\n[entries.weights.random]\nfile = "x"\n',
            "is not random",
        ),
        ('name = "a"\nplace = "hub:acme/v"\n' + ENTRY, "which is no commit of 40"),
        (
            'name = "a"\nplace = "hub:acme/v"\nrevision = "main"\n' + ENTRY,
            "has the revision main, which is no commit",
        ),
        ('name = "a"\nplace = "hub:acme"\n' + ENTRY, "needs a repository"),
        ("a" + ".a" * 99 + " = 1\n", "nested more than 32 levels"),
        ("[[[", "cannot be read as TOML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(written(tmp_path, text))
    assert sentence in str(raised.value)
    assert "acme.toml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*none\.toml"):
        read(tmp_path / "none.toml")


def test_claims_of_an_entry_are_about_its_default_weights(tmp_path: Path) -> None:
    text = (
        'name = "a"\n[[entries]]\nname = "b"\ndefault = "v2"\nclaims = {top1 = 70.5}\n'
        '[entries.weights.v1]\nfile = "1.onnx"\n[entries.weights.v2]\nfile = "2.onnx"\n'
    )
    tags = read(written(tmp_path, text)).definition.entries[0].by_tag()
    assert [claim.top1 for claim in tags["v2"].claims] == [70.5]
    assert tags["v1"].claims == ()


def test_the_example_of_the_documentation_is_valid(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "adding-a-zoo.md"
    example = page.read_text().partition("```toml\n# acme.toml\n")[2].partition("```")[0]
    definition = read(written(tmp_path, example)).definition
    assert [entry.name for entry in definition.entries] == ["resnet50", "detector", None]
