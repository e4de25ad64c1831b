"""MACs and counts by hand, on graphs small enough to check with a pencil."""

from hypothesis import given
from hypothesis import strategies as st

from zoodiff.graph.cost import count, macs_of, traffic_of
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor


def chain(*nodes: Node, shapes: dict[str, tuple[int, ...]], unused: tuple[Parameter, ...] = ()):
    tensors = {name: Tensor(name, shape) for name, shape in shapes.items()}
    return Graph(
        "test",
        (tensors["x"],),
        (tensors[nodes[-1].outputs[0]],),
        nodes,
        tensors,
        unused,
    )


def conv(name: str, data: str, output: str, cin: int, cout: int, kernel: int, group: int = 1):
    return Node(
        "Conv",
        name,
        (data,),
        (output,),
        {"kernel_shape": [kernel, kernel], "group": group},
        (Parameter(f"{name}.weight", (cout, cin // group, kernel, kernel)),),
    )


def test_a_convolution_by_hand() -> None:
    # 3 -> 64 channels, 7x7, onto 112x112: 64*112*112 outputs of 3*49 products each.
    graph = chain(
        conv("c", "x", "y", 3, 64, 7), shapes={"x": (1, 3, 224, 224), "y": (1, 64, 112, 112)}
    )
    assert macs_of(graph, graph.nodes[0]) == 118_013_952
    assert count(graph).parameters == 9_408


def test_groups_divide_the_work() -> None:
    shapes = {"x": (1, 32, 8, 8), "y": (1, 32, 8, 8)}
    whole = chain(conv("c", "x", "y", 32, 32, 3), shapes=shapes)
    depthwise = chain(conv("c", "x", "y", 32, 32, 3, group=32), shapes=shapes)
    assert count(whole).macs == 32 * count(depthwise).macs == 32 * 32 * 64 * 9


def test_a_transposed_convolution_counts_its_input() -> None:
    node = Node("ConvTranspose", "t", ("x",), ("y",), {"kernel_shape": [2, 2], "group": 1}, ())
    graph = chain(node, shapes={"x": (1, 8, 4, 4), "y": (1, 16, 8, 8)})
    assert count(graph).macs == 8 * 16 * 16 * 4


def test_linear_layers_count_every_position() -> None:
    node = Node("Gemm", "fc", ("x",), ("y",), {"in_features": 10, "out_features": 7})
    assert count(chain(node, shapes={"x": (1, 5, 10), "y": (1, 5, 7)})).macs == 5 * 70
    assert count(chain(node, shapes={"x": (1, 10), "y": (1, 7)})).macs == 70


def test_products_of_computed_tensors_count() -> None:
    node = Node("MatMul", "m", ("x", "x"), ("y",), {"batch": 12, "m": 197, "k": 64, "n": 197})
    graph = chain(node, shapes={"x": (1, 12, 197, 64), "y": (1, 12, 197, 197)})
    assert count(graph).macs == 12 * 197 * 64 * 197


def test_a_shared_parameter_counts_once_and_unused_ones_apart() -> None:
    shared = Parameter("w", (4, 4))
    attributes = {"in_features": 4, "out_features": 4}
    graph = chain(
        Node("Gemm", "a", ("x",), ("h",), attributes, (shared,)),
        Node("Gemm", "b", ("h",), ("y",), attributes, (shared,)),
        shapes={"x": (1, 4), "h": (1, 4), "y": (1, 4)},
        unused=(Parameter("aux", (10,)), Parameter("aux.mean", (3,), trainable=False), shared),
    )
    counts = count(graph)
    assert (counts.parameters, counts.unused_parameters, counts.statistics) == (26, 10, 3)
    assert counts.linear_layers == 2


def test_softmax_at_the_end_is_seen_through_reshapes_only() -> None:
    shapes = {"x": (1, 4), "s": (1, 4), "y": (1, 4)}
    soft = Node("Softmax", "s", ("x",), ("s",), {"axis": 1})
    ends = chain(soft, Node("Reshape", "r", ("s",), ("y",), {}), shapes=shapes)
    inside = chain(soft, Node("Mul", "m", ("s",), ("y",), {"value": 2.0}), shapes=shapes)
    assert count(ends).softmax_inside
    assert not count(inside).softmax_inside


def test_scaling_before_the_first_layer_is_preprocessing_and_after_it_is_not() -> None:
    shapes = dict.fromkeys("xabcy", (1, 3, 8, 8))
    scale = Node("Mul", "rescale", ("x",), ("a",), {"value": 1 / 255})
    shift = Node("Sub", "mean", ("a",), ("b",), {"value": [0.5, 0.5, 0.5], "axis": 1})
    layer = conv("c", "b", "c", 3, 3, 1)
    late = Node("Mul", "late", ("c",), ("y",), {"value": 2.0})
    before = count(chain(scale, shift, layer, late, shapes=shapes))
    assert before.preprocessing_ops == ("rescale", "mean")
    after = count(chain(conv("c", "x", "c", 3, 3, 1), late, shapes=shapes))
    assert not after.preprocessing_inside
    padded = count(
        chain(Node("Pad", "p", ("x",), ("b",), {"pads": [0] * 4}), layer, late, shapes=shapes)
    )
    assert not padded.preprocessing_inside


names = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)
shapes = st.lists(st.integers(-1, 9), max_size=4).map(tuple)
parameters = st.builds(
    Parameter, names, st.lists(st.integers(0, 9), max_size=4).map(tuple), st.booleans(), names
)
values = st.one_of(
    st.integers(-5, 5),
    st.booleans(),
    st.text(max_size=5),
    st.none(),
    st.lists(st.integers(-5, 5), max_size=4),
    st.floats(allow_nan=False),
)
nodes = st.builds(
    Node,
    names,
    names,
    st.lists(names, max_size=3).map(tuple),
    st.lists(names, max_size=2).map(tuple),
    st.dictionaries(names, values, max_size=3),
    st.lists(parameters, max_size=2).map(tuple),
)
tensors = st.builds(Tensor, names, shapes, names)
graphs = st.builds(
    Graph,
    names,
    st.lists(tensors, max_size=2).map(tuple),
    st.lists(tensors, max_size=2).map(tuple),
    st.lists(nodes, max_size=4).map(tuple),
    st.dictionaries(names, tensors, max_size=4),
    st.lists(parameters, max_size=2).map(tuple),
)


@given(graphs)
def test_a_graph_survives_its_json(graph: Graph) -> None:
    assert Graph.from_json(graph.to_json()) == graph


def test_bytes_of_layers_that_run_as_one() -> None:
    relu = Node("Relu", "r", ("c",), ("y",))
    shapes = {"x": (1, 3, 8, 8), "c": (1, 16, 8, 8), "y": (1, 16, 8, 8)}
    graph = chain(conv("c", "x", "c", 3, 16, 3), relu, shapes=shapes)
    merged = traffic_of(graph, graph.nodes, batch=2)
    assert merged.weights == 4 * 16 * 3 * 9
    assert merged.activations == 2 * 4 * (3 * 64 + 16 * 64)
    alone = [traffic_of(graph, [node], batch=2) for node in graph.nodes]
    # One by one the result of the convolution is written and read again.
    assert sum(t.activations for t in alone) == merged.activations + 2 * 4 * 2 * 16 * 64
    assert merged.total == merged.weights + merged.activations


def test_reshapes_move_nothing_and_slices_read_what_they_give() -> None:
    shapes = {"x": (1, 16, 8, 8), "s": (1, 4, 8, 8), "y": (1, 256)}
    graph = chain(
        Node("Slice", "s", ("x",), ("s",), {"axes": [1], "starts": [0], "ends": [4]}),
        Node("Reshape", "f", ("s",), ("y",), {"shape": [1, 256]}),
        shapes=shapes,
    )
    assert traffic_of(graph, graph.nodes[:1]).total == 2 * 4 * 256
    assert traffic_of(graph, graph.nodes[1:]).total == 0
