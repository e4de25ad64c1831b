"""The documents that commands print with ``--json``: their names, versions and commands."""

from __future__ import annotations

from dataclasses import dataclass

from zoodiff.errors import UnknownNameError


@dataclass(frozen=True)
class Document:
    """A kind of JSON document."""

    name: str
    command: str
    """What prints it."""
    title: str
    version: int = 1
    """Raised where a key is renamed or removed, or changes its meaning."""

    @property
    def label(self) -> str:
        """Name and version, as the key ``schema`` of the document has them."""
        return f"zoodiff/{self.name}/{self.version}"

    def to_dict(self) -> dict[str, str]:
        """Return plain values, for JSON."""
        return {
            "document": self.name,
            "schema": self.label,
            "command": self.command,
            "title": self.title,
        }

    @property
    def names_itself(self) -> bool:
        """Whether the document has a key ``schema``."""
        return self.name not in _NAMELESS


_NAMELESS = {
    *("claims", "claims-latency", "claims-recipes", "claims-spreads", "claims-test-set"),
    *("diff-each", "env-list", "fingerprint", "list", "rules", "schema"),
}
"""Lists, and objects whose keys are names of entries or architectures."""
DOCUMENTS = {
    document.name: document
    for document in (
        Document("list", "list", "Models by architecture and zoo"),
        Document("list-by-fingerprint", "list --by-fingerprint", "Entries with the same network"),
        Document("names", "names", "What each zoo calls a network"),
        Document("audit-recipes", "audit-recipes", "Published preprocessings, compared in pixels"),
        Document("show", "show", "What is known of an entry"),
        Document("claims", "claims ARCHITECTURE", "Claims of zoos about an architecture"),
        Document("claims-spreads", "claims", "Differences between claims, by architecture"),
        Document("claims-latency", "claims --latency", "Published times"),
        Document("claims-test-set", "claims --test-set", "Accuracies on further test sets"),
        Document("claims-recipes", "claims --recipes", "Published preprocessings"),
        Document("claims-rankings", "claims --rankings", "The order of networks on two machines"),
        Document("which", "which", "Networks that no other beats in everything"),
        Document("compare", "compare", "How entries differ"),
        Document("diff", "diff", "Whether two networks compute the same function"),
        Document("diff-each", "diff A zoo:model@*", "An entry compared with several"),
        Document("diff-preprocessing", "diff --preprocessing", "How two entries prepare images"),
        Document("accuracy", "accuracy", "Accuracies on the same images"),
        Document("agreement", "accuracy (images without labels)", "How far entries agree"),
        Document("latency", "latency", "Latencies, their ratios and causes"),
        Document("fingerprint", "fingerprint", "Fingerprints of networks, by entry"),
        Document("run", "run", "What a study measured"),
        Document("report", "report", "The files of a report"),
        Document("report-changes", "report OLD NEW", "What changed between two runs"),
        Document("rules", "rules", "The rules that findings name"),
        Document("schema", "schema", "The kinds of JSON documents"),
        Document("example", "example", "Files to try commands on"),
        Document("zoos", "zoos", "The zoos that are usable here"),
        Document("zoos-add", "zoos add", "A zoo that was added"),
        Document("zoos-remove", "zoos remove", "A zoo that was removed"),
        Document("env-list", "env list", "Virtual environments of zoos"),
        Document("index", "index", "The graphs in the cache"),
        Document("index-export", "index export", "Graphs that were written into a file"),
        Document("index-import", "index import", "Graphs that were added from a file"),
        Document("store-verify", "store verify", "Whether the results are as they were written"),
        Document("store-gc", "store gc", "Files that were removed"),
        Document("store-export", "store export", "Results that were written into a file"),
        Document("store-import", "store import", "Results that were added from a file"),
        Document("error", "ANY COMMAND (where it fails)", "An error"),
    )
}
"""By name; those of one command stand together."""


def find(name: str) -> Document:
    """Return the document of a name or a command; raise UnknownNameError if there is none."""
    from zoodiff.entry import did_you_mean

    spelled = "-".join(name.split())
    if spelled not in DOCUMENTS:
        hint = did_you_mean(spelled, DOCUMENTS) or "; see zoodiff schema"
        raise UnknownNameError(f'there is no schema "{name}"{hint}')
    return DOCUMENTS[spelled]
