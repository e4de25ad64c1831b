"""The one builder: what it refuses, what it keeps, and that typed operations fit the schema."""

from __future__ import annotations

import pytest

from zoodiff.frontends import operations
from zoodiff.frontends.builder import GraphBuilder
from zoodiff.frontends.operations import Cut, Extents, Operation, Window, conforms
from zoodiff.graph.ir import Parameter

WINDOW = Window((3, 3), (1, 1), (1, 1, 1, 1), (1, 1))
OPERATIONS = [
    operations.conv(WINDOW, group=1, out_channels=4, bias=True),
    operations.conv_transpose(WINDOW, group=1, out_channels=4, bias=False, output_padding=(0, 0)),
    operations.max_pool(WINDOW, ceil_mode=True),
    operations.average_pool(WINDOW, count_include_pad=False),
    operations.GLOBAL_AVERAGE_POOL,
    operations.GLOBAL_MAX_POOL,
    operations.linear(4, 2, bias=True, axis=1, equation="ab,bc->ac"),
    operations.matmul(Extents(1, 2, 3, 4), first_transposed=True, scale=0.5, bias=False),
    operations.scaled_product(
        operations.linear(4, 2, bias=True), alpha=0.5, beta=2.0, transposed=True
    ),
    operations.batch_norm(epsilon=1e-3, axis=1, momentum=0.9, per_element=True, training=True),
    operations.layer_norm([2, 1], epsilon=1e-6, scale=True, center=False),
    operations.group_norm(2, epsilon=1e-6, scale=True, center=True),
    operations.local_response_norm(5, alpha=1e-4, beta=0.75, bias=1),
    operations.softmax(1, log=True, flattened=True),
    operations.RELU,
    operations.RELU6,
    operations.HARD_SWISH,
    operations.clip(None, 1),
    operations.elu(),
    operations.leaky_relu(0.1),
    operations.gelu(tanh=True),
    operations.hard_sigmoid(),
    operations.swish(),
    operations.cast("int32"),
    operations.arithmetic("Sub", value=[1.0, 2.0], axis=1, constant_first=True),
    operations.unknown_constant("Mul", (3, 3), constant_first=True),
    operations.divided_by_deviation(1, 1e-7),
    operations.prelu(value=0.1),
    operations.reshape((1, 4)),
    operations.flatten(),
    operations.squeeze([2]),
    operations.unsqueeze([2]),
    operations.transpose((0, 2, 1)),
    operations.expand((1, 4)),
    operations.concat(1, [0]),
    operations.sliced([Cut(1, 0, 2), Cut(2, 3, -5, -1)]),
    operations.split(1, (2, 2)),
    operations.select(1, 0),
    operations.gather(1, (1, 0), (1, 2)),
    operations.pad((1, 1), (2,), mode="reflect", value=None),
    operations.reduced("ReduceMax", [1], keepdims=True),
    operations.resized("linear", (4, 4), align_corners=True, half_pixel_centers=False),
    operations.quantisation("QuantizeLinear", None, 0.0, 1),
    operations.RELU.quantized("weights"),
    operations.opaque("aten::roll", {"shifts": "any"}),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.op)
def test_typed_operations_are_what_the_schema_says(operation: Operation) -> None:
    assert conforms(operation, 1)


def test_only_what_decides_an_order_says_it() -> None:
    assert not operations.arithmetic("Add", value=1.0, constant_first=True).attributes.get(
        "constant_first"
    )
    assert operations.arithmetic("Pow", value=0.0).attributes == {"value": 0.0}
    assert operations.matmul(Extents(1, 1, 1, 1)).attributes.keys() == {"batch", "m", "k", "n"}


def build() -> GraphBuilder:
    builder = GraphBuilder("HWIO", "IO")
    builder.declare("x", (1, 4, 5, 5))
    return builder


def test_a_form_of_its_own_is_refused_where_it_is_added() -> None:
    builder = build()
    for bad in (
        Operation("Slice", {"axis": 1, "start": 0, "end": 2}),
        Operation("Add", {"input1": [2.0]}),
        Operation("MaxPool"),
    ):
        with pytest.raises(ValueError, match=f"{bad.op} 'n'"):
            builder.add(bad, "n", inputs=["x"], outputs=[builder.declare("y", (1,))])
    assert builder.nodes == []


def test_weights_get_their_roles_and_the_order_of_their_framework() -> None:
    builder = build()
    flat, y = builder.declare("f", (1, 100)), builder.declare("y", (1, 2))
    builder.add(operations.flatten(), "flat", inputs=["x"], outputs=[flat])
    own = [Parameter("w", (100, 2)), Parameter("b", (2,))]
    layer = operations.linear(100, 2, bias=True)
    made = builder.add(layer, "fc", inputs=["f"], outputs=[y], parameters=own)
    assert [(p.role, p.layout) for p in made.parameters] == [("weight", "IO"), ("bias", "")]
    turned = builder.add(layer, "fc2", inputs=["f"], outputs=[y], parameters=own, matrices="OI")
    assert turned.parameters[0].layout == "OI"
    divided = builder.add(
        operations.divided_by_deviation(1, 1e-7),
        "norm",
        inputs=["f"],
        outputs=[y],
        parameters=[Parameter("v", (100,), role="variance")],
    )
    assert divided.parameters[0].role == "variance"


def test_a_graph_is_what_its_outputs_depend_on() -> None:
    builder = build()
    x, y, z = builder.tensors["x"], builder.declare("y", (1, 4)), builder.declare("z", (1, 4))
    for name, tensor in (("w", y), ("v", z)):
        builder.add(
            operations.arithmetic("Mul"),
            name,
            inputs=["x"],
            outputs=[tensor],
            parameters=[Parameter(name, (4,))],
        )
    owned = [Parameter("w", (4,)), Parameter("v", (4,)), Parameter("v", (4,))]
    graph = builder.graph("test", [x], [y], owned)
    assert [node.name for node in graph.nodes] == ["w"] and set(graph.tensors) == {"x", "y"}
    assert [p.name for p in graph.unused_parameters] == ["v"]
