"""Pictures of pairs of networks, drawn from the graphs that the study's store keeps."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zoodiff.architecture.diff import diff
from zoodiff.equivalence.evidence_lines import Evident, evidence_lines
from zoodiff.equivalence.unrun import NOTHING_COMPARED, from_graphs
from zoodiff.errors import ZoodiffError
from zoodiff.graph.ir import Graph
from zoodiff.picture import Picture, Subject
from zoodiff.report.sections.standing import ORDER, level_of
from zoodiff.store.folder import Store
from zoodiff.study.result import Difference, StudyResult

FOLDER = "pictures"
MOST = 200
"""Pairs of a report that are drawn; each takes a tenth of a second to half a second."""
MOST_NODES = 10_000
"""Nodes of a network that is drawn."""
MOST_CHARACTERS = 4 << 20
"""Of all drawings in the page of a report."""
MOST_IN_PAGES = 48 << 20
"""Characters of all pictures that are pages of their own."""
_GRAPHS_IN_MEMORY = 2
"""A graph that anybody may have written takes up to 110 MB."""


@dataclass(frozen=True)
class PairPicture:
    """What differs between two networks, side by side."""

    svg: str
    """The folded drawing."""
    html: str | None
    """The whole picture as a page of its own; None if the report has no room for it."""


def key_of(difference: Difference) -> str:
    """Return the name of a pair's picture: the first 16 digits of the digest of its record."""
    return difference.record[:16]


def file_name(key: str) -> str:
    """Return the path of a picture's page in the folder of the report."""
    return f"{FOLDER}/{key}.html"


class PairPictures:
    """Draws the pairs of a study, each once."""

    def __init__(self, store: Store) -> None:
        self._drawn: dict[str, PairPicture | None] = {}
        self._graph = functools.lru_cache(_GRAPHS_IN_MEMORY)(store.read_graph)

    def of(self, result: StudyResult) -> dict[str, PairPicture]:
        """Return the pictures of the pairs whose functions differ, or may, by ``key_of``.

        Left out are pairs whose graphs the store does not have, and those beyond the limits; pairs
        of other networks come first.
        """
        pictures: dict[str, PairPicture] = {}
        characters = in_pages = 0
        for difference in _in_order(result.differences):
            key = key_of(difference)
            if key in pictures:
                continue
            picture = self._picture(key, difference)
            if picture is None:
                continue
            characters += len(picture.svg)
            in_pages += len(picture.html or "")
            if characters > MOST_CHARACTERS or len(pictures) == MOST:
                break
            has_page = in_pages <= MOST_IN_PAGES
            pictures[key] = picture if has_page else PairPicture(picture.svg, None)
        return pictures

    def _picture(self, key: str, difference: Difference) -> PairPicture | None:
        if key not in self._drawn:
            self._drawn[key] = self._draw(difference)
        return self._drawn[key]

    def _draw(self, difference: Difference) -> PairPicture | None:
        """Return the picture of a pair; None if its graphs cannot be read or compared."""
        try:
            graphs = [self._graph(digest) for digest in difference.values.graphs]
            if any(len(graph.nodes) > MOST_NODES for graph in graphs):
                return None
            return _drawn(graphs, (difference.first, difference.second))
        except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError):
            return None  # a graph that anybody may have written costs its picture, not the report
        except (RecursionError, ZoodiffError):
            return None


def _in_order(differences: Iterable[Difference]) -> list[Difference]:
    worth = [each for each in differences if each.has_effect and len(each.values.graphs) == 2]
    return sorted(worth, key=lambda each: ORDER.index(level_of(each)), reverse=True)


def _drawn(graphs: Sequence[Graph], names: tuple[str, str]) -> PairPicture:
    compared = diff(graphs[0], graphs[1], *names)
    evident = Evident(from_graphs(compared, NOTHING_COMPARED), compared)
    picture = Picture(Subject(evident, evidence_lines(evident), None, names))
    return PairPicture(picture.figure, picture.to_html())
