"""The study file: which entries are measured, and how.

It is TOML and checked against the schema below. The error for an unknown key, a wrong type or an
unknown zoo is one sentence that names the file, the line and the key.
"""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from zoodiff import filenames
from zoodiff.bounded import files, toml
from zoodiff.claims import table
from zoodiff.claims.selection import ClaimsError
from zoodiff.data import digits
from zoodiff.entry import did_you_mean
from zoodiff.errors import StudyError
from zoodiff.workers import permissions

Zoos = list[str]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entries(_Table):
    """A selection of entries: by reference, or all of some architectures in some zoos."""

    entries: list[str] = Field(default=[], description="references, zoo:model@weights")
    architectures: list[str] | Literal["all"] = Field(
        default=[], description='canonical names, or "all"'
    )
    zoos: Zoos = Field(default=[], description="zoos to take the architectures from; all if empty")


class Selection(_Table):
    """[select]: entries by a rule; sections take them with ``entries = "selected"``."""

    names: list[str] | Literal["shared"] = Field(
        default="shared",
        description='"shared": all names of these zoos; or names and patterns, such as resnet*',
    )
    zoos: Zoos = Field(
        default=[], description="zoos to take entries from, in this order; all listed ones if empty"
    )
    min_zoos: Annotated[int, Field(ge=1, le=100)] = Field(
        default=2, description="zoos that must have a name for it to be selected"
    )
    per_zoo: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1, description="most entries of one name in one zoo"
    )
    without: list[str] = Field(
        default=[], description="names, references and patterns of both to leave out"
    )
    weights: dict[str, str] = Field(
        default={},
        description="zoo -> weights to take instead of its default ones, where an entry has them",
    )
    limit: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="most names, drawn with the study's seed"
    )


class Group(Entries):
    """[[group]]: entries that are compared with each other, in every section of the study."""

    name: Annotated[str, Field(min_length=1)]


class Section(Entries):
    """A section: one kind of measurement, of its own entries and of all groups."""

    entries: list[str] | Literal["selected", "described"] = Field(  # type: ignore[assignment]
        default=[],
        description='references; or "selected": those of [select], "described": those of '
        "[architecture], both compared by architecture",
    )
    min_zoos: Annotated[int, Field(ge=1, le=100)] = Field(
        default=1, description="comparisons of entries from fewer zoos are left out"
    )
    compare: Literal["together", "by architecture"] = Field(
        default="together",
        description="whether the entries are one comparison, or one per architecture",
    )


class ArchitectureTable(Section):
    """[architecture]: describe networks, without allocating weights."""


class LatencyTable(Section):
    """[latency]: time entries in interleaved rounds, per comparison."""

    batch: Annotated[int, Field(ge=1, le=1024)] = 1
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    processes: Annotated[int, Field(ge=1, le=100)] = Field(
        default=5, description="fresh processes per entry; their spread determines the interval"
    )
    least_processes: Annotated[int, Field(ge=2, le=100)] | None = Field(
        default=None,
        description="processes after which measuring stops once target_percent is reached; all "
        "processes are started if it is not set",
    )
    target_percent: Annotated[float, Field(gt=0, le=100)] = Field(
        default=5.0, description="half the width of the widest interval of a ratio, with the above"
    )
    rounds: Annotated[int, Field(ge=3, le=10_000)] = Field(
        default=15, description="rounds per process; in a round every entry has one block"
    )
    least_rounds: Annotated[int, Field(ge=2, le=10_000)] | None = Field(
        default=None,
        description="rounds after which a process stops once they took as long as loading it; all "
        "rounds are run if it is not set",
    )
    block_seconds: Annotated[float, Field(gt=0, le=60)] = 0.05
    max_seconds: Annotated[float, Field(gt=0)] = Field(
        default=600.0, description="measuring time without loading, after which no process starts"
    )
    max_minutes: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="minutes after which a run starts no further comparison; the next run goes on",
    )
    per_name: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="most entries per comparison, the first ones; all if not set"
    )
    why: bool = Field(
        default=False,
        description="whether each network is also timed in one reference runtime, so that ratios "
        "are decomposed",
    )
    layers: bool = Field(default=False, description="with why: time the layers of pairs there too")
    weights: Literal["random", "published"] = "random"

    @model_validator(mode="after")
    def _check_layers(self) -> LatencyTable:
        if self.layers and not self.why:
            raise ValueError("layers = true needs why = true beside it")
        return self


class AccuracyTable(Section):
    """[accuracy]: measure top-1 and top-5 on labelled images."""

    data: str = Field(
        default=digits.NAME,
        description="digits, or the path of a data set of images, from the study's folder",
    )
    batch: Annotated[int, Field(ge=1, le=4096)] = 64
    truth: str | None = Field(default=None, description="file with the labels of a flat folder")
    labels: str | None = Field(default=None, description="label space of files that name none")
    data_labels: str | None = Field(
        default=None, description="label space of the data set, if it names none"
    )
    split: str | None = Field(default=None, description="word in the names of the shards to take")
    limit: Annotated[int, Field(ge=1)] | None = None
    max_bad_percent: Annotated[float, Field(ge=0, le=100)] = 1.0
    explain: bool = Field(default=False, description="whether differences are decomposed")

    @property
    def built_in(self) -> bool:
        """Whether the data set is the built-in digits, which have no path."""
        return self.data == digits.NAME


class OfNames(_Table):
    """A section about names: those of some zoos, or those that [select] takes."""

    entries: Literal["selected"] | None = Field(
        default=None, description='"selected": the entries of [select], instead of zoos and names'
    )
    zoos: Zoos = Field(default=[], description="zoos to compare; all if empty")
    names: list[str] = Field(
        default=[], description="names in any spelling; those that two zoos have if empty"
    )

    @model_validator(mode="after")
    def _check_selected(self) -> OfNames:
        if self.entries is not None and (self.zoos or self.names):
            raise ValueError("leave zoos and names out: [select] says them")
        return self


class RecipesSection(OfNames):
    """[recipes]: run the preprocessings that zoos publish for names, and compare their pixels."""


class NamesSection(OfNames):
    """[names]: build the networks of names and tabulate which of them are the same."""

    all: bool = Field(default=False, description="whether names that one zoo has are included")
    elsewhere: bool = Field(
        default=False,
        description="whether zoos that only the table of names knows count as sharing a name",
    )


class Study(_Table):
    """A study; ``parse`` checks ``claims`` with the claims catalogue."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    title: str
    question: str = ""
    seed: int = 0
    top: Annotated[int, Field(ge=1, le=1000)] = 10
    download: bool = Field(
        default=False,
        description="whether entries selected by architecture may be downloaded if describing them "
        "needs the zoo's file; entries named by reference always may",
    )
    allow_code: list[str] = Field(
        default=[],
        description="files whose code may run (TorchScript, Keras Lambda layers), as sha256:...",
    )
    not_run: list[str] = Field(default=[], description="what is left out on purpose, and why")
    claims: dict[str, Any] | None = None

    @field_validator("allow_code")
    @classmethod
    def _check_hashes(cls, digests: list[str]) -> list[str]:
        for digest in digests:
            permissions.digest_of(digest)
        return digests

    select: Selection | None = None
    architecture: ArchitectureTable | None = None
    latency: LatencyTable | None = None
    accuracy: AccuracyTable | None = None
    names: NamesSection | None = None
    recipes: RecipesSection | None = None
    group: list[Group] = Field(default=[], description="entries that are compared together")


class LoadedStudy(_Table):
    """A study with the text it was read from."""

    study: Study
    path: str
    text: str

    @property
    def sha256(self) -> str:
        """SHA-256 of the text, as hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def built_in() -> dict[str, Path]:
    """Return the paths of the studies that come with zoodiff, by name."""
    packaged = Path(str(resources.files("zoodiff"))) / "studies"
    checkout = Path(__file__).resolve().parents[3] / "studies"
    folder = packaged if packaged.is_dir() else checkout
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_study(name_or_path: str) -> LoadedStudy:
    """Read a study, given the name of a built-in one or a path; raise StudyError if that fails."""
    path = Path(name_or_path)
    if not path.suffix and not filenames.exists(path):
        known = built_in()
        if name_or_path not in known:
            hint = did_you_mean(name_or_path, known) or f"; there are {', '.join(known)}"
            raise StudyError(f'no study "{name_or_path}"{hint}, or give the path of a .toml file')
        path = known[name_or_path]
    try:
        text = files.read_text(path, toml.LARGEST)
    except FileNotFoundError:
        raise StudyError(
            f"no study file {path}; built-in studies are {', '.join(built_in())}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"cannot read the study {path} ({error}); it must be UTF-8 TOML") from None
    return parse(text, str(path))


def with_download(loaded: LoadedStudy) -> LoadedStudy:
    """Return the study with downloads allowed; its text says so too, so a run can be repeated."""
    lines = [x for x in loaded.text.splitlines() if not re.match(r"\s*download\s*=", x)]
    return parse("download = true\n" + "\n".join(lines) + "\n", loaded.path)


def parse(text: str, path: str = "study") -> LoadedStudy:
    """Return the study in a text; raise StudyError with the line and the key if it is invalid."""
    try:
        raw = toml.parse(text)
    except toml.TomlError as error:
        raise StudyError(f"study {path} is not TOML: {error}") from None
    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        raise invalid(error, path, text) from None
    loaded = LoadedStudy(study=study, path=path, text=text)
    _check_entries(loaded)
    if study.claims is not None:
        try:
            table.parse(study.claims)
        except ClaimsError as error:
            raise key_error(loaded, error.key, error) from None
    return loaded


def _check_entries(loaded: LoadedStudy) -> None:
    """Raise StudyError if a section takes its entries from a table that is not there."""
    study = loaded.study
    for name in ("architecture", "latency", "accuracy", "names", "recipes"):
        section: Section | OfNames | None = getattr(study, name)
        if section is None or not isinstance(section.entries, str):
            continue
        table = "select" if section.entries == "selected" else "architecture"
        if getattr(study, table) is None or table == name:
            raise key_error(
                loaded,
                (name, "entries"),
                StudyError(
                    f'entries = "{section.entries}" needs a table [{table}] to take them of'
                ),
            )


def key_error(loaded: LoadedStudy, location: tuple[str, ...], error: Exception) -> StudyError:
    """Turn an error about a value of a study into one that names its file and line."""
    line = toml.line_of(loaded.text, location)
    where = f"study {loaded.path}, line {line}" if line else f"study {loaded.path}"
    return StudyError(f"{where}: {error}")


def invalid(
    error: ValidationError, path: str, text: str = "", *, within: tuple[str, ...] = ()
) -> StudyError:
    """Turn an error about a value of a study into one that names the file, the line and the key.

    ``within`` is the table that was checked; empty for the whole study.
    """
    first = error.errors()[0]
    location = (*within, *(str(part) for part in first["loc"] if not isinstance(part, int)))
    if first["type"] != "extra_forbidden":
        # A union's branches are not part of the file's path.
        location = tuple(part for part in location if not re.search(r"[\[\]('\"]", part))
    key = ".".join(location)
    line = toml.line_of(text, location)
    where = f"study {path}, line {line}" if line else f"study {path}"
    if first["type"] == "extra_forbidden":
        known = _keys(location[:-1])
        hint = did_you_mean(location[-1], known) or f"; there are {', '.join(known)}"
        return StudyError(f'{where}: unknown key "{key}"{hint}')
    if first["type"] == "missing":
        return StudyError(f'{where}: the key "{key}" is missing')
    value, reason = first.get("input"), f"{first['msg'][:1].lower()}{first['msg'][1:]}"
    if first["type"] == "value_error" and isinstance(value, dict):  # keys that contradict others
        return StudyError(f"{where}: [{key}] is not valid ({first['ctx']['error']})")
    return StudyError(f"{where}: {key} = {value!r} is not valid ({reason})")


def _keys(location: tuple[str, ...]) -> list[str]:
    tables: dict[tuple[str, ...], type[BaseModel]] = {
        (): Study,
        ("select",): Selection,
        ("architecture",): ArchitectureTable,
        ("latency",): LatencyTable,
        ("accuracy",): AccuracyTable,
        ("names",): NamesSection,
        ("recipes",): RecipesSection,
        ("group",): Group,
    }
    model = tables.get(location)
    return list(model.model_fields) if model else []
