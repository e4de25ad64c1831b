"""A zoo described by one TOML file, as it is written.

For example::

    name = "acme"
    title = "Acme's vision networks"
    place = "models"

    [[entries]]
    name = "resnet50"
    same_as = "resnet50"
    file = "resnet50.onnx"
    labels = "imagenet-1k"

    [entries.claims]
    top1 = 76.1
    source = "https://models.acme.example/resnet50"

``docs/adding-a-zoo.md`` has every key.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from zoodiff.addresses import is_address
from zoodiff.bounded import files, toml
from zoodiff.entry import RANDOM, did_you_mean
from zoodiff.errors import UsageError
from zoodiff.zoos.files.entries import OWN
from zoodiff.zoos.stored.entry import BY_NAME
from zoodiff.zoos.stored.hub import is_commit

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MODEL = re.compile(r"[^@\s?*\[\]]{1,200}")
HUB = "hub:"
"""The prefix of a place in the Hugging Face Hub: ``hub:owner/model`` or ``hub:owner``."""
_RESERVED = frozenset({"file", "hub"})


def _of_list(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class OwnersClaim(_Table):
    """What the owner says about a network: at least one number, with source and protocol."""

    top1: float | None = Field(None, ge=0, le=100)
    """Percent."""
    top5: float | None = Field(None, ge=0, le=100)
    parameters: int | None = Field(None, ge=0)
    macs: int | None = Field(None, ge=0)
    latency_ms: float | None = Field(None, gt=0)
    machine: str | None = None
    runtime: str | None = None
    precision: str | None = None
    batch: int | None = Field(None, ge=1)
    threads: int | None = Field(None, ge=1)
    source: str | None = None
    """Where the owner publishes the numbers; the TOML file if not stated."""
    protocol: str | None = None
    """How they were measured, in words."""
    date: datetime.date | None = None


Claims = Annotated[tuple[OwnersClaim, ...], BeforeValidator(lambda v: tuple(_of_list(v)))]
Names = Annotated[tuple[str, ...], BeforeValidator(lambda v: tuple(v) if type(v) is list else v)]


class _Described(_Table):
    """What an entry, one of its weights, and the zoo as a default may say."""

    labels: str | None = None
    preprocessing: dict[str, Any] | None = None
    licence: str | None = None


class OwnWeights(_Described):
    """One set of weights of an entry."""

    file: str
    data: Names | None = None
    """Files of weights beside the file, to be fetched with it."""
    format: str | None = None
    revision: str | None = None
    claims: Claims = ()


class OwnEntry(_Described):
    """A network: one file, several weights with a file each, or a pattern for many networks."""

    name: str | None = None
    same_as: str | None = None
    """Canonical name of the network, as ``zoodiff list`` prints it."""
    file: str | None = None
    files: str | None = None
    data: Names | None = None
    format: str | None = None
    weights: dict[str, OwnWeights] | None = None
    default: str | None = None
    """The default weights; the first if not stated."""
    repository: str | None = None
    """Repository of the organisation that is the zoo's place."""
    revision: str | None = None
    note: str | None = None
    claims: Claims = ()

    def by_tag(self) -> dict[str, OwnWeights]:
        """Return the weights by tag; those of a single file have no name of their own.

        Claims of the entry itself are about its default weights.
        """
        if self.weights:
            tags = dict(self.weights)
            default = self.default or next(iter(tags))
            own = tags[default]
            tags[default] = own.model_copy(update={"claims": (*own.claims, *self.claims)})
            return tags
        assert self.file is not None
        return {OWN: OwnWeights(file=self.file, data=self.data, claims=self.claims)}


class Definition(_Described):
    """The whole file."""

    name: str
    title: str | None = None
    homepage: str | None = None
    place: str = "."
    revision: str | None = None
    entries: Annotated[
        tuple[OwnEntry, ...], BeforeValidator(lambda v: tuple(v) if type(v) is list else v)
    ]


@dataclass(frozen=True)
class ReadDefinition:
    """A definition, its file, and the SHA-256 of the content."""

    path: Path
    sha256: str
    definition: Definition

    @property
    def folder(self) -> Path:
        """The folder of the file, where label files are."""
        return self.path.parent


def read(path: Path) -> ReadDefinition:
    """Return the definition in a file; raise UsageError that names file and key if invalid."""
    try:
        content = files.read_bytes(path, toml.LARGEST)
        raw = toml.parse(content.decode("utf-8").replace("\r\n", "\n"))
    except OSError as error:
        raise UsageError(f"cannot read {path} ({error.strerror})") from None
    except (UnicodeDecodeError, toml.TomlError) as error:
        raise UsageError(f"{path} cannot be read as TOML ({error})") from None
    try:
        definition = Definition.model_validate(raw)
    except ValidationError as error:
        raise UsageError(f"{path}: {_invalid(error)}") from None
    for problem in _problems(definition):
        raise UsageError(f"{path}: {problem}")
    return ReadDefinition(path, hashlib.sha256(content).hexdigest(), definition)


def _invalid(error: ValidationError) -> str:
    """Return the first error of a definition as a sentence with the key."""
    first = error.errors(include_url=False)[0]
    places = list(first["loc"])
    key = "".join(
        f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in places
    ).lstrip(".")
    if first["type"] == "missing":
        return f'the key "{key}" is missing'
    if first["type"] == "extra_forbidden":
        known = _keys_at(places[:-1])
        hint = did_you_mean(str(places[-1]), known) or f"; there are {', '.join(known)}"
        return f'unknown key "{key}"{hint}'
    reason = first["msg"][:1].lower() + first["msg"][1:]
    return f"{key} = {str(first['input'])[:80]!r} is not valid ({reason})"


def _keys_at(places: list[Any]) -> list[str]:
    """Return the keys of the table at a place of the file."""
    if "claims" in places:
        return list(OwnersClaim.model_fields)
    if "weights" in places:
        return list(OwnWeights.model_fields)
    return list((OwnEntry if places else Definition).model_fields)


def _problems(definition: Definition) -> list[str]:
    problems = []
    if not _NAME.fullmatch(definition.name) or definition.name.lower() in _RESERVED:
        problems.append(
            f'name = "{definition.name}" is no name of a zoo; take letters, digits, ".", "_" and '
            '"-", and none of file, hub'
        )
    if not definition.entries:
        problems.append("it has no [[entries]]")
    if definition.place.startswith(HUB) and "/" not in definition.place:
        problems += [
            f"entries[{k + 1}] needs a repository, since {definition.place} is an organisation"
            for k, entry in enumerate(definition.entries)
            if entry.repository is None
        ]
    if definition.place.startswith(HUB):
        problems += _unpinned(definition)
    names: set[str] = set()
    for k, entry in enumerate(definition.entries):
        where = f"entries[{k + 1}]"
        problems += [f"{where}: {problem}" for problem in _entry_problems(entry)]
        if entry.name is not None and entry.name in names:
            problems.append(f'{where}: the name "{entry.name}" occurs twice')
        names.add(entry.name or "")
    return problems


def _unpinned(definition: Definition) -> list[str]:
    """Return the problems of revisions of the Hub that are no commits."""
    problems = []
    for k, entry in enumerate(definition.entries):
        own = [weights.revision for weights in (entry.weights or {}).values()] or [None]
        for revision in own:
            pinned = revision or entry.revision or definition.revision
            if pinned is None or not is_commit(pinned):
                problems.append(
                    f"entries[{k + 1}] has the revision {pinned}, which is no commit of 40 "
                    "hexadecimal digits; a branch moves, so write the commit"
                )
    return problems


def _entry_problems(entry: OwnEntry) -> list[str]:
    problems = []
    sources = [key for key in ("file", "files", "weights") if getattr(entry, key)]
    if len(sources) != 1:
        problems.append(
            f"name one of file, files and weights, not {' and '.join(sources) or 'none'}"
        )
    if entry.files is None and entry.name is None:
        problems.append('the key "name" is missing')
    if entry.files is not None and entry.name is not None:
        problems.append("an entry with files has no name; its networks are named by their files")
    if entry.name is not None and not _MODEL.fullmatch(entry.name):
        problems.append(f'name = "{entry.name}" has spaces, or one of @ ? * [ ]')
    tags = list(entry.weights or ())
    problems += [
        f'weights "{tag}": a tag has no spaces and no @, and is not {RANDOM}'
        for tag in tags
        if not _MODEL.fullmatch(tag) or tag == RANDOM
    ]
    if entry.default is not None and entry.default not in tags:
        problems.append(f'default = "{entry.default}" is none of its weights')
    formats = [entry.format, *(own.format for own in (entry.weights or {}).values())]
    problems += [
        f'format = "{name}" is unknown; there are {", ".join(BY_NAME)}'
        for name in formats
        if name is not None and name not in BY_NAME
    ]
    return problems


def place_of(read_definition: ReadDefinition) -> Path | str:
    """Return the place of a zoo's files: a folder, or an address or place of the Hub as text."""
    place = read_definition.definition.place
    if place.startswith(HUB) or is_address(place):
        return place
    return (read_definition.folder / Path(place).expanduser()).resolve()
