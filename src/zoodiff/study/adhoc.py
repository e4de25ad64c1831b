"""Build the study behind ``zoodiff compare`` from the names that the user gave."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import tomli_w
from pydantic import ValidationError

from zoodiff.bounded import toml
from zoodiff.claims import catalogue
from zoodiff.entry import did_you_mean, meant
from zoodiff.errors import StudyError, UnknownNameError, UnreadableFileError, UsageError
from zoodiff.store.records import key_of
from zoodiff.study import config as studies
from zoodiff.study.config import ArchitectureTable, Group, LatencyTable, LoadedStudy, Study
from zoodiff.text import well_formed, well_formed_values
from zoodiff.zoos import files, registry

_PATH = "compare"
"""Name of the study in error messages, since it has no file."""


@dataclass
class _Chosen:
    """The entries and architectures that the user's names refer to."""

    entries: list[str] = field(default_factory=list)
    """References of the entries that are compared."""
    whole: list[str] = field(default_factory=list)
    """Architectures of which all entries are compared."""
    claimed: list[str] = field(default_factory=list)
    """Architectures whose claims are compared."""
    zoos: list[str] = field(default_factory=list)
    """Zoos of the entries whose claims are compared."""


_FEW_NAMES = 2
"""Up to this many names, the comparison is called by them."""


def study_of(
    names: Sequence[str], *, latency: bool, threads: int, rounds: int, download: bool = False
) -> LoadedStudy:
    """Return a study that compares the named architectures and entries.

    Raises UnknownNameError for an unknown name, StudyError for invalid threads or rounds and for
    more names than fit into a study, UsageError for a name that is not UTF-8.
    """
    chosen = _chosen(names)
    identity = _run_identity(chosen)
    digest = key_of(entries=identity, latency=latency, threads=threads, rounds=rounds)[:8]
    selection: dict[str, Any] = {"entries": chosen.entries, "architectures": chosen.whole}
    groups = [Group(name=_comparison_name(names), **selection)] if chosen.entries else []
    selected: dict[str, Any] = {} if groups else selection
    parts: dict[str, Any] = {}
    if chosen.claimed:
        parts["claims"] = _claims(chosen)
    if groups:
        parts["group"] = groups
    study = Study(
        name=f"compare-{digest}",
        title=well_formed("compare " + " ".join(names)),
        download=download,
        **parts,
        architecture=ArchitectureTable(**selected),
        latency=_latency(selected, threads, rounds) if latency else None,
    )
    return LoadedStudy(study=study, path=_PATH, text=text_of(study))


def _comparison_name(names: Sequence[str]) -> str:
    """Return the name of the comparison of all entries that the command names."""
    few = len(names) <= _FEW_NAMES
    return well_formed(" and ".join(names) if few else "entries named together")


def _claims(chosen: _Chosen) -> dict[str, Any]:
    """Return the claims table, limited to the entries' zoos if no architecture is named."""
    zoos = [zoo for zoo in chosen.zoos if zoo in catalogue.zoo_names()]
    limited = {"zoos": zoos} if zoos and not chosen.whole else {}
    return {"architectures": chosen.claimed, **limited}


def text_of(study: Study) -> str:
    """Return a study as TOML, without the keys that were not set; it is stored with the run.

    Raises StudyError if the text exceeds the limits of study files.
    """
    values = study.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    text = tomli_w.dumps(values)
    try:
        toml.check(text)
    except toml.TomlError as error:
        raise StudyError(f"study {_PATH} is too large: {error}") from None
    return text


def _chosen(names: Sequence[str]) -> _Chosen:
    groups = registry.by_architecture()
    chosen = _Chosen()
    for name in (each for text in names for each in registry.expanded(text)):
        if name in groups:
            chosen.whole.append(name)
            chosen.claimed.append(name)
        elif ":" in name or files.is_file(name):
            if name != well_formed(name):
                raise UsageError(
                    f"the name of {name} is not UTF-8, so a study cannot contain it; rename it"
                )
            try:
                entry = registry.resolve(name)
            except UnreadableFileError:
                if len(names) <= _FEW_NAMES:
                    raise
                chosen.entries.append(name if ":" in name else f"file:{name}")
                continue
            chosen.entries.append(str(entry.ref))
            if entry.model.architecture in catalogue.architectures():
                chosen.claimed.append(entry.model.architecture)
                chosen.zoos.append(entry.zoo.name)
        else:
            architecture = meant(name, groups)
            if architecture is None:
                hint = did_you_mean(name, groups) or "; zoodiff list shows what there is"
                raise UnknownNameError(f'no architecture "{name}"{hint}')
            chosen.whole.append(architecture)
            chosen.claimed.append(architecture)
    chosen.whole = list(dict.fromkeys(chosen.whole))
    chosen.entries = list(dict.fromkeys(chosen.entries))
    chosen.claimed = list(dict.fromkeys(chosen.claimed))
    return chosen


def _latency(selected: dict[str, Any], threads: int, rounds: int) -> LatencyTable:
    try:
        return LatencyTable(**selected, threads=threads, rounds=rounds)
    except ValidationError as error:
        raise studies.invalid(error, _PATH, within=("latency",)) from None


def _run_identity(chosen: _Chosen) -> str:
    """Return the text whose hash names the run in the store.

    Equal names must give an equal text in every version of zoodiff.
    """

    def listed(texts: list[str]) -> str:
        text = json.dumps(well_formed_values(texts), ensure_ascii=False)
        return text.replace("\x7f", "\\u007f")

    return f"entries = {listed(chosen.entries)}\narchitectures = {listed(chosen.whole)}"
