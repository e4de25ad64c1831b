"""The study behind ``zoodiff compare``: a few entries that the user named."""

from __future__ import annotations

import json

from zoodiff.claims import catalogue
from zoodiff.entry import did_you_mean
from zoodiff.errors import UnknownNameError, UsageError
from zoodiff.store.records import key_of
from zoodiff.study import config as studies
from zoodiff.study.config import LoadedStudy
from zoodiff.text import well_formed, well_formed_values
from zoodiff.zoos import files, registry


def study_of(
    names: list[str], *, latency: bool, threads: int, rounds: int, download: bool = False
) -> LoadedStudy:
    """Make a study over architectures and entries; raise UnknownNameError for unknown names."""
    groups = registry.by_architecture()
    references: list[str] = []
    whole: list[str] = []
    architectures: list[str] = []
    for name in names:
        if name in groups:
            whole.append(name)
            architectures.append(name)
        elif ":" in name or files.is_file(name):
            if name != well_formed(name):
                raise UsageError(
                    f"the name of {name} is no UTF-8, so it cannot stand in a study; rename it"
                )
            entry = registry.resolve(name)
            references.append(str(entry.ref))
            if entry.model.architecture in catalogue.architectures():
                architectures.append(entry.model.architecture)
        else:
            hint = did_you_mean(name, groups) or "; zoodiff list shows what there is"
            raise UnknownNameError(f'no architecture "{name}"{hint}')
    references = list(dict.fromkeys(references))
    entries = f"entries = {_toml(references)}\narchitectures = {_toml(whole)}"
    digest = key_of(entries=entries, latency=latency, threads=threads, rounds=rounds)[:8]
    lines = [
        f'name = "compare-{digest}"',
        f"title = {_toml('compare ' + ' '.join(names))}",
        f"download = {json.dumps(download)}",
        f"[claims]\narchitectures = {_toml(list(dict.fromkeys(architectures)))}",
        f"[architecture]\n{entries}",
    ]
    if latency:
        lines.append(f"[latency]\n{entries}\nthreads = {threads}\nrounds = {rounds}")
    return studies.parse("\n".join(lines) + "\n", "compare")


def _toml(value: str | list[str]) -> str:
    """A text or a list of texts in TOML, whose strings are JSON's but for one character."""
    return json.dumps(well_formed_values(value), ensure_ascii=False).replace("\x7f", "\\u007f")
