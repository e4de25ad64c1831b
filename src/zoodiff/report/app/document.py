"""Fill the page's document from a study's result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from zoodiff._version import __version__
from zoodiff.claims import catalogue
from zoodiff.claims.catalogue import Claim
from zoodiff.claims.front import WhichRow, figure_of
from zoodiff.claims.ranking import top1_doubt
from zoodiff.report import pictures
from zoodiff.report.app.entries import Entries
from zoodiff.report.app.facts import (
    ArchitectureFacts,
    AttributionFacts,
    ClaimFacts,
    DifferenceFacts,
    Document,
    FindingFacts,
    PartFacts,
    PointFacts,
    PropertyFacts,
    RowFacts,
    RuleFacts,
    SourceFacts,
)
from zoodiff.report.disagreements import key_of
from zoodiff.report.pictures import PairPicture
from zoodiff.report.sections import explanations, graphs, mismatches
from zoodiff.report.sections.entries import EntryRow
from zoodiff.report.sections.mismatches import ArchitectureTable
from zoodiff.report.sections.rankings import Ranking, Row
from zoodiff.report.sections.standing import Level, Standing, level_of, standings, worst
from zoodiff.report.stored import StoredParts
from zoodiff.report.words import links, numbers
from zoodiff.results import LayerTimes
from zoodiff.rules.catalogue import rules
from zoodiff.study.result import Difference, StudyResult

_FINDINGS = 60
"""Findings of a pair that the page lists; of the others it gives the number."""


def document(
    result: StudyResult,
    ranked: Sequence[Ranking],
    explained: Sequence[explanations.Pair],
    stored: StoredParts,
) -> Document:
    """Return the document of a study, of its rankings, attributions and what its store has."""
    builder = _Builder(result, ranked, explained, stored)
    drawn = stored.pictures
    architectures = tuple(
        builder.architecture(name, rows) for name, rows in builder.entries.named(result).items()
    )
    return Document(
        study=result.study,
        title=result.title,
        zoodiff=result.zoodiff_version,
        drawn_by=__version__ if drawn and __version__ != result.zoodiff_version else None,
        no_thumbnails=stored.no_thumbnails,
        architectures=architectures,
        points=tuple(_points(result.choice.rows)) if result.choice else (),
        rules=_rules(architectures),
    )


class _Builder:
    """What is known of a study, by architecture."""

    def __init__(
        self,
        result: StudyResult,
        ranked: Sequence[Ranking],
        explained: Sequence[explanations.Pair],
        stored: StoredParts,
    ) -> None:
        self.entries = Entries(result)
        self._drawn = stored.pictures
        self._standings = standings(result)
        self._tables = {table.architecture: table for table in mismatches.tables(result)}
        self._rows: dict[str, list[RowFacts]] = defaultdict(list)
        for ranking in ranked:
            for row in ranking.rows:
                self._rows[row.architecture].append(_row(ranking, row, stored))
        self._attributions: dict[str, list[AttributionFacts]] = defaultdict(list)
        for pair in explained:
            self._attributions[pair.architecture].append(_attribution(pair))
        self._compared = {
            (row.architecture, entry)
            for row in (result.claimed.rows if result.claimed else ())
            for entry in (row.high_entry, row.low_entry)
        }
        self._claimed = set(catalogue.architectures())

    def architecture(self, name: str, rows: Sequence[EntryRow]) -> ArchitectureFacts:
        """Return what the page holds of an architecture or a group."""
        standing = self._standings.get(name)
        table = self._tables.get(name)
        entries = tuple(self.entries.facts(row, standing) for row in rows)
        return ArchitectureFacts(
            name=name,
            level=_worst(standing) if standing else None,
            summary=_summary(table, standing),
            entries=entries,
            graphs=standing.graphs if standing else (),
            differences=tuple(_differences(standing, self._drawn)) if standing else (),
            claims=tuple(self._claims(name)),
            rows=tuple(self._rows.get(name, ())),
            attributions=tuple(self._attributions.get(name, ())),
            columns=table.entries if table else (),
            properties=_properties(table) if table else (),
            because=table.because if table else "",
        )

    def _claims(self, name: str) -> Iterable[ClaimFacts]:
        if name not in self._claimed:
            return
        for claim in catalogue.claims_for(name):
            if claim.top1_percent is not None:
                yield _claim(claim, (name, claim.label) in self._compared)


def _summary(table: ArchitectureTable | None, standing: Standing | None) -> str:
    if table is not None:
        return table.summary
    entries = len(standing.entries) if standing else 0
    return f"{numbers.plural(entries, 'entry', 'entries')} with one graph" if entries else ""


def _worst(standing: Standing) -> Level | None:
    numbered = standing.numbers
    return worst(
        standing.level(one, two) for i, one in enumerate(numbered) for two in numbered[i + 1 :]
    )


def _claim(claim: Claim, compared: bool) -> ClaimFacts:
    assert claim.top1_percent is not None
    source = links.source(claim.source)
    return ClaimFacts(
        label=claim.label,
        zoo=claim.zoo,
        top1=claim.top1_percent,
        source=None if source is None else SourceFacts(source.text, source.url, source.detail),
        doubtful=top1_doubt(claim),
        copied=claim.provenance == "copied",
        compared=compared,
    )


def _differences(standing: Standing, drawn: Mapping[str, PairPicture]) -> Iterable[DifferenceFacts]:
    number = {entry: index for index, names in enumerate(standing.graphs) for entry in names}
    for difference in standing.differences.values():
        numbered = (number[difference.first], number[difference.second])
        yield _difference(difference, numbered, drawn.get(pictures.key_of(difference)))


def _difference(
    difference: Difference, numbered: tuple[int, int], picture: PairPicture | None
) -> DifferenceFacts:
    values, key = difference.values, pictures.key_of(difference)
    return DifferenceFacts(
        first=numbered[0],
        second=numbered[1],
        entries=(difference.first, difference.second),
        level=level_of(difference),
        answer=graphs.answer_words(difference),
        sentence=values.sentence,
        findings=tuple(
            FindingFacts(
                code=finding.code,
                name=finding.name,
                effect=finding.has_effect,
                left=finding.left,
                right=finding.right,
                count=finding.count,
                noun=finding.noun,
                places=finding.places,
            )
            for finding in values.findings[:_FINDINGS]
        ),
        more=max(0, len(values.findings) - _FINDINGS) + values.more_findings,
        fingerprints=tuple(values.fingerprints),
        structures=tuple(values.structures),
        picture=None if picture is None else key,
        page=None if picture is None or picture.html is None else pictures.file_name(key),
    )


def _row(ranking: Ranking, row: Row, stored: StoredParts) -> RowFacts:
    source = row.source
    is_measured = source.metric == "measured_top1"
    interval, counts = source.interval, source.contingency
    noise = row.noise
    return RowFacts(
        metric=source.metric,
        rank=row.rank,
        high=source.high_entry,
        low=source.low_entry,
        values=(f"{row.sides[0].value} {ranking.unit}", f"{row.sides[1].value} {ranking.unit}"),
        difference=row.difference,
        interval=row.interval,
        verdict=row.verdict,
        why=tuple((why.code, why.words) for why in row.why),
        note=row.notes,
        doubtful=row.doubtful,
        contingency=None
        if counts is None
        else (counts.both, counts.high_alone, counts.low_alone, counts.neither),
        disagreements=stored.disagreements.get(key_of(source), ()) if is_measured else (),
        same_answer=None if counts is None else counts.same_answer,
        noise_percent=None if noise is None else noise[1],
        factors=tuple(
            (factor.code, factor.what, factor.ratio.value, factor.ratio.low, factor.ratio.high)
            for factor in source.factors
        ),
        layers=_layers(source.layers),
        no_layers=source.layers.reason if source.layers else "",
        numbers=None if interval is None else (interval.value, interval.low, interval.high),
    )


def _layers(
    times: LayerTimes | None,
) -> tuple[tuple[str, str, float, float, tuple[str, ...]], ...]:
    rows = [] if times is None else [*times.layers, *filter(None, [times.rest])]
    return tuple((row.name, row.op, row.first_ms, row.second_ms, tuple(row.codes)) for row in rows)


def _attribution(pair: explanations.Pair) -> AttributionFacts:
    named = [f"{one.code} {one.entry}: {one.words}" for one in pair.named]
    return AttributionFacts(
        first=pair.first,
        second=pair.second,
        summary=pair.summary,
        parts=tuple(
            PartFacts(
                depth=line.depth,
                code=line.code,
                what=line.what,
                first=line.first,
                second=line.second,
                value=line.value.value,
                low=line.value.low,
                high=line.value.high,
            )
            for line in pair.lines
        ),
        sentences=(*named, *pair.sentences),
    )


def _properties(table: ArchitectureTable) -> tuple[PropertyFacts, ...]:
    return tuple(
        PropertyFacts(row.name, tuple((cell.text, cell.letter, cell.differs) for cell in row.cells))
        for row in table.rows
    )


def _points(rows: Iterable[WhichRow]) -> Iterable[PointFacts]:
    """Return the networks with an accuracy and a cost that nothing speaks against."""
    for row in rows:
        candidate, top1 = row.candidate, row.candidate.top1_percent
        costs = {
            column: figure.value / unit
            for column, unit in (("macs", 1e9), ("latency", 1.0), ("size", 1e6))
            if (figure := figure_of(candidate, column)) is not None and not figure.doubtful
        }
        if top1 is None or top1.doubtful or not costs:
            continue
        yield PointFacts(
            name=candidate.name,
            zoo=candidate.zoo,
            architecture=candidate.architecture,
            top1=top1.value,
            measured=top1.origin == "measured",
            macs=costs.get("macs"),
            latency=costs.get("latency"),
            size=costs.get("size"),
        )


def _rules(architectures: Iterable[ArchitectureFacts]) -> dict[str, RuleFacts]:
    """Return the meanings of all codes that the document names."""
    codes: set[str] = set()
    for architecture in architectures:
        codes |= {f.code for d in architecture.differences for f in d.findings}
        codes |= {code for row in architecture.rows for code, _ in row.why}
        codes |= {code for row in architecture.rows for code, *_ in row.factors}
        codes |= {part.code for each in architecture.attributions for part in each.parts}
    return {
        rule.code: RuleFacts(rule.name, rule.cause, rule.consequence)
        for rule in rules()
        if rule.code in codes
    }
