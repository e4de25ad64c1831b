"""The layout of a picture: every layer once, in order, edges apart, counts as in the diff."""

from __future__ import annotations

import itertools
import random

import pytest

from support.networks import NETWORKS, network
from support.pictures import graph, picture
from support.small import Draft
from zoodiff.equivalence.layer_outputs import LayerOutputs
from zoodiff.graph.align import Alignment
from zoodiff.graph.layers import LayerGraph
from zoodiff.picture import condensed, folding
from zoodiff.picture.blocks import Block, RowFacts, blocks, prefixes
from zoodiff.picture.edges import edges
from zoodiff.picture.rows import rows, sources
from zoodiff.picture.scene import Scene

PAIRS = [
    ("torchvision__resnet50", "keras__ResNet50"),
    ("torchvision__resnet18", "torchvision__resnet50"),
    ("torchvision__densenet121", "keras__Xception"),
    ("torchvision__mobilenet_v2", "torchvision__mnasnet1_0"),
    ("keras__ConvNeXtTiny", "keras__EfficientNetB0"),
    ("torchvision__shufflenet_v2_x1_0", "torchvision__shufflenet_v2_x1_0"),
]


@pytest.fixture(scope="module", params=PAIRS, ids=" and ".join)
def pair(request: pytest.FixtureRequest):
    drawing = picture(graph(request.param[0]), graph(request.param[1]))
    return drawing.subject.evident.graphs, drawing.scene


def test_every_layer_is_in_one_row(pair) -> None:
    diff, scene = pair
    for side, layers in enumerate((diff.alignment.a.layers, diff.alignment.b.layers)):
        placed = [
            row.row.side(side)
            for row in scene.rows
            if row.row.kind == "layer" and row.row.side(side) is not None
        ]
        assert sorted(placed) == [layer.index for layer in layers]


def test_a_layer_comes_after_what_it_reads(pair) -> None:
    diff, scene = pair
    merged = [row.row for row in scene.rows]
    for side, layers in enumerate((diff.alignment.a, diff.alignment.b)):
        for row, read in enumerate(sources(merged, layers, side)):
            assert all(source < row for source in read)


def test_aligned_layers_share_a_row_or_name_each_other(pair) -> None:
    diff, scene = pair
    placed = scene.rows
    at = [{r.row.side(s): n for n, r in enumerate(placed) if r.row.kind == "layer"} for s in (0, 1)]
    for i, j in diff.alignment.pairs:
        first, second = at[0][i], at[1][j]
        if first != second:
            assert placed[first].row.elsewhere == second
            assert placed[second].row.elsewhere == first


def test_orders_that_agree_take_no_pair_apart(pair) -> None:
    diff, scene = pair
    if all(x < y for x, y in itertools.pairwise(j for _, j in diff.alignment.pairs)):
        assert all(row.row.elsewhere is None for row in scene.rows)


def test_lanes_do_not_cross_in_one_lane(pair) -> None:
    for side in pair[1].edges:
        spans: dict[int, list[tuple[int, int]]] = {}
        for lane in side.lanes:
            spans.setdefault(lane.number, []).append((lane.source, lane.readers[-1]))
        for ends in spans.values():
            assert all(x[1] <= y[0] for x, y in itertools.pairwise(sorted(ends)))


def test_every_edge_of_the_graphs_is_drawn(pair) -> None:
    diff, scene = pair
    merged = [row.row for row in scene.rows]
    for side, layers in enumerate((diff.alignment.a, diff.alignment.b)):
        drawn = set(scene.edges[side].rails)
        drawn |= {(lane.source, row) for lane in scene.edges[side].lanes for row in lane.readers}
        read = sources(merged, layers, side)
        assert drawn == {(source, row) for row, each in enumerate(read) for source in each}


def test_blocks_nest_and_do_not_overlap(pair) -> None:
    def check(found: tuple[Block, ...], first: int, last: int) -> None:
        for block in found:
            assert first <= block.first <= block.last <= last
            check(block.inner, block.first, block.last)
            first = block.last + 1

    check(pair[1].blocks, 0, len(pair[1].rows) - 1)


def test_counts_are_those_of_the_diff(pair) -> None:
    diff, scene = pair
    assert sorted(f.finding.code for f in scene.findings) == [f.code for f in diff.findings]
    for placed in scene.findings:
        finding = placed.finding
        layers = {i for d in finding.differences for i in d.a}
        shown = {scene.rows[row].row.a for row in placed.rows} - {None}
        assert layers <= shown
        for number in placed.rows:
            assert scene.findings.index(placed) in scene.rows[number].findings
    only = [
        sum(
            r.row.kind == "layer" and r.row.elsewhere is None and r.side_missing(s)
            for r in scene.rows
        )
        for s in (1, 0)
    ]
    assert only == [len(diff.alignment.only_a), len(diff.alignment.only_b)]


def test_a_paper_drawing_holds_every_row_once(pair) -> None:
    items = [item for item in condensed.condensed(pair[1]) if not item.heading]
    assert [row for item in items for row in item.rows] == list(range(len(pair[1].rows)))
    assert len(items) <= condensed.MOST_ITEMS + 1


def test_equal_blocks_in_a_row_are_one_item_of_a_drawing() -> None:
    net = graph("torchvision__squeezenet1_1")
    items = condensed.condensed(picture(net, net).scene)
    (repeated,) = [item for item in items if item.times > 1]
    assert repeated.times == 4
    assert repeated.labels[0].count("\N{HORIZONTAL ELLIPSIS}") == 1


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.name.partition(".")[0])
def test_a_network_beside_itself_is_equal_and_folded(path) -> None:
    scene = picture(network(path), network(path)).scene
    assert {row.level for row in scene.rows} == {"equal"}
    assert all(row.a and row.b for row in scene.rows)
    assert folding.interesting(scene) == frozenset()
    assert folding.opened(scene) == frozenset()
    assert scene.edges[0] == scene.edges[1]


def labels(scene: Scene) -> list[tuple[str, str]]:
    return [block.labels for block in scene.blocks]


def test_stages_and_blocks_have_the_names_of_both_networks() -> None:
    scene = picture(graph("torchvision__resnet50"), graph("keras__ResNet50")).scene
    assert labels(scene) == [
        ("layer1", "conv2"),
        ("layer2", "conv3"),
        ("layer3", "conv4"),
        ("layer4", "conv5"),
    ]
    assert [block.labels for block in scene.blocks[0].inner] == [
        ("layer1.0", "conv2_block1"),
        ("layer1.1", "conv2_block2"),
        ("layer1.2", "conv2_block3"),
    ]


def test_what_makes_a_difference_is_open_and_the_rest_is_folded() -> None:
    scene = picture(graph("torchvision__resnet50"), graph("keras__ResNet50")).scene
    opened = folding.opened(scene)
    names = [b.labels[0] for b in folding.flat(scene.blocks) if (b.first, b.last) in opened]
    assert names == ["layer2", "layer2.0", "layer3", "layer3.0", "layer4", "layer4.0"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("layer1.0.conv1", ["layer1", "layer1.0"]),
        (
            "/layer1/layer1.0/conv1/Conv",
            ["/layer1", "/layer1/layer1", "/layer1/layer1.0", "/layer1/layer1.0/conv1"],
        ),
        ("conv2_block1_1_conv", ["conv2", "conv2_block1", "conv2_block1_1"]),
        ("block_1_expand", ["block_1"]),
        ("features.1.conv.0.0", ["features.1", "features.1.conv.0"]),
        ("encoder.ln_1#2[0:768]", ["encoder"]),
        ("Conv_12", []),
        ("", []),
    ],
)
def test_parts_of_names(name: str, expected: list[str]) -> None:
    assert prefixes(name) == expected


def test_names_that_say_nothing_leave_stages_to_resolutions() -> None:
    facts = [RowFacts((f"Conv_{k}", f"c{k}"), (56, 56) if k < 6 else (28, 28)) for k in range(12)]
    assert [(b.first, b.last, b.labels[0]) for b in blocks(facts)] == [
        (0, 5, "56 \N{MULTIPLICATION SIGN} 56"),
        (6, 11, "28 \N{MULTIPLICATION SIGN} 28"),
    ]


def test_a_function_between_the_layers_of_a_block_belongs_to_it() -> None:
    names = ["a.1.x", "a.1.y", "add", "a.1.z", "b.2.x", "b.2.y", "b.2.z"]
    found = blocks([RowFacts((name, "")) for name in names])
    assert [(b.first, b.last, b.labels[0]) for b in found] == [(0, 3, "a.1"), (4, 6, "b.2")]


def test_pairs_that_contradict_each_other_are_taken_apart() -> None:
    """Two layers in series, in the other order: no common order has both pairs."""
    drafts = [Draft(), Draft()]
    drafts[0].add("Tanh", drafts[0].conv(drafts[0].add("Relu", "x")))
    drafts[1].add("Tanh", drafts[1].add("Relu", drafts[1].conv("x")))
    a, b = (LayerGraph(draft.graph(f"n{len(draft.nodes) - 1}")) for draft in drafts)
    crossing = Alignment(a, b, ((0, 1), (1, 0), (2, 2)), (), ())
    assert [(row.a, row.b, row.elsewhere) for row in rows(crossing) if row.kind == "layer"] == [
        (0, None, 3),
        (1, 0, None),
        (None, 1, 1),
        (2, 2, None),
    ]


def test_lanes_of_random_graphs_keep_apart_when_rows_are_folded() -> None:
    r = random.Random(7)
    for _ in range(200):
        count = r.randint(2, 30)
        read = [sorted(r.sample(range(k), min(k, r.choice([0, 1, 1, 2, 3])))) for k in range(count)]
        found = edges(read, [True] * count)
        fold = sorted(r.randint(0, count // 2) for _ in range(count))  # monotone: rows to items
        for x, y in itertools.combinations(found.lanes, 2):
            if x.number == y.number:
                upper, lower = sorted((x, y), key=lambda lane: lane.source)
                assert fold[upper.readers[-1]] <= fold[lower.source]


def test_the_line_is_before_the_row_where_outputs_part() -> None:
    a = graph("torchvision__resnet18")
    apart = ((0, 0, 1e-9), (1, 1, 1e-9), (2, 2, 0.5), (3, 3, 0.0))
    scene = picture(a, a, layers=LayerOutputs(apart, 1e-5, "p", first=(2, 2))).scene
    assert scene.parting is not None
    assert scene.rows[scene.parting].row.a == 2
    assert [row.deviation for row in scene.rows[1:5]] == [1e-9, 1e-9, 0.5, 0.0]
    assert picture(a, a, layers=LayerOutputs(apart, 1e-5, "p")).scene.parting is None
    assert picture(a, a).scene.parting is None
