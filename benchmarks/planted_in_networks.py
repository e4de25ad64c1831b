"""Plant faults in real networks, exported to ONNX, and see what ``zoodiff diff`` says of them.

    python benchmarks/planted_in_networks.py FOLDER [--only NAME]

Needs torch and torchvision for the three networks (resnet18, mobilenet_v3_small, a small vision
transformer; weights and statistics of norms are random, none is trivial). A fault is an edit of
the exported file, so its name and its effect are known. Scored: the answer; whether exactly the
expected codes are named; codes of last resort (vague); codes beside a right one (invented).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

VAGUE = frozenset({"ARC180", "ARC190", "ARC195"})
RELATIONS = frozenset({"different functions", "same network, preprocessing inside one"})
"""Right answers; the second for what is done to the image."""
Graph = Any
"""An onnx.GraphProto, changed in place."""


@dataclass(frozen=True)
class Fault:
    """An edit of a network, and the codes that name it."""

    name: str
    network: str
    plant: Callable[[Graph], None]
    codes: frozenset[str]


@dataclass(frozen=True)
class Score:
    """What was said of one fault."""

    fault: Fault
    relation: str
    named: frozenset[str]
    findings: int
    text: str

    @property
    def right(self) -> bool:
        """Whether the answer is right, and the cause named by one finding and nothing else."""
        return (
            self.relation in RELATIONS
            and self.named == self.fault.codes
            and self.findings == len(self.fault.codes)
        )

    @property
    def words(self) -> str:
        """The score in a word or two."""
        if self.right:
            return "right"
        if self.relation not in RELATIONS:
            return f"wrong answer ({self.relation})"
        if not self.named:
            return "not named"
        if self.named & self.fault.codes:
            return "invented beside" if self.named - self.fault.codes else "named twice"
        return "vague" if self.named <= VAGUE else "false"


def exported(name: str, path: Path) -> None:
    """Write a network with random weights and statistics as ONNX, by torch's older exporter."""
    import torch

    from zoodiff.torch_compat import import_torchvision

    torchvision = import_torchvision()

    torch.manual_seed(0)
    if name == "transformer":
        network: Any = torchvision.models.VisionTransformer(
            image_size=32, patch_size=8, num_layers=3, num_heads=4, hidden_dim=32, mlp_dim=64,
            num_classes=10,
        )  # fmt: skip
    else:
        network = getattr(torchvision.models, name)(num_classes=10)
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if value.dim() == 1 and value.is_floating_point():
                middle = 1.0 if key.endswith("weight") else 0.0
                value.copy_(middle + 0.2 * torch.randn_like(value))
            elif "head" in key or "class_token" in key:
                value.normal_(0, 0.2)
    side = 32 if name == "transformer" else 64
    if name != "transformer":
        _calibrate(network, torch.randn(8, 3, side, side))
    torch.onnx.export(
        network.eval(), (torch.randn(1, 3, side, side),), str(path), dynamo=False, opset_version=17,
        do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
        input_names=["image"], output_names=["scores"],
    )  # fmt: skip


def _calibrate(network: Any, images: Any) -> None:
    """Give norms the statistics of some images, a little changed, so that no signal dies out."""
    import torch

    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
    network.train()
    with torch.no_grad():
        network(images)
        for norm in norms:
            norm.running_mean += 0.1 * torch.randn_like(norm.running_mean)
            norm.running_var *= 0.8 + 0.4 * torch.rand_like(norm.running_var)


def nodes(graph: Graph, op: str) -> list[Any]:
    """Nodes of an operator, in order."""
    return [node for node in graph.node if node.op_type == op]


def readers(graph: Graph, tensor: str) -> list[Any]:
    """Nodes that read a tensor."""
    return [node for node in graph.node if tensor in node.input]


def become(graph: Graph, node: Any, op: str, **attributes: Any) -> None:
    """Make a node another operator of the same first operand or, of two operands, of both."""
    from onnx import helper

    inputs = list(node.input) if op in {"Add", "Max", "Mul", "Sub"} else [node.input[0]]
    node.CopyFrom(helper.make_node(op, inputs, list(node.output), node.name, **attributes))


def insert(graph: Graph, tensor: str, op: str, *constants: Any, **attributes: Any) -> None:
    """Put a node behind a tensor; all readers read it instead."""
    from onnx import helper, numpy_helper

    names = []
    for position, value in enumerate(constants):
        names.append(f"{tensor}_planted_{position}")
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), names[-1]))
    made = helper.make_node(op, [tensor, *names], [f"{tensor}_planted"], "planted", **attributes)
    place = next((i + 1 for i, n in enumerate(graph.node) if tensor in n.output), 0)
    for node in readers(graph, tensor):
        for i, name in enumerate(node.input):
            if name == tensor:
                node.input[i] = made.output[0]
    graph.node.insert(place, made)


def leave_out(graph: Graph, node: Any, kept: int = 0) -> None:
    """Let readers read one of a node's operands instead of its result."""
    source = node.input[kept]
    for reader in readers(graph, node.output[0]):
        for i, name in enumerate(reader.input):
            if name == node.output[0]:
                reader.input[i] = source
    graph.node.remove(node)


def set_attribute(node: Any, **attributes: Any) -> None:
    """Set attributes of a node."""
    from onnx import helper

    for key, value in attributes.items():
        for old in [a for a in node.attribute if a.name == key]:
            node.attribute.remove(old)
        node.attribute.append(helper.make_attribute(key, value))


def swap_inputs(first: Any, second: Any, position: int) -> None:
    """Exchange an operand of two nodes."""
    first.input[position], second.input[position] = second.input[position], first.input[position]


def _residuals(graph: Graph) -> list[Any]:
    """Additions of two computed tensors."""
    made = {name for node in graph.node if node.op_type != "Constant" for name in node.output}
    return [n for n in nodes(graph, "Add") if all(name in made for name in n.input)]


def _every(op: str, other: str, **attributes: Any) -> Callable[[Graph], None]:
    def plant(graph: Graph) -> None:
        for node in nodes(graph, op):
            become(graph, node, other, **attributes)

    return plant


def _scaled_scores(graph: Graph) -> None:
    last = graph.node[-1]
    inner = f"{last.output[0]}_inner"
    last.output[0] = inner
    from onnx import helper, numpy_helper

    graph.initializer.append(numpy_helper.from_array(np.float32(0.25), "temperature"))
    graph.node.append(helper.make_node("Mul", [inner, "temperature"], ["scores"], "planted"))


def _scaled_attention(graph: Graph) -> None:
    """The product of queries and keys is divided by the width of a head, not by its root."""
    softmax = nodes(graph, "Softmax")[1]
    insert(graph, softmax.input[0], "Mul", np.float32(8**-0.5))


def _squeeze_by_maximum(graph: Graph) -> None:
    for node in nodes(graph, "GlobalAveragePool")[:-1]:
        node.op_type = "GlobalMaxPool"


FAULTS = (
    Fault("pool rounds up", "resnet18",
          lambda g: set_attribute(nodes(g, "MaxPool")[0], ceil_mode=1), frozenset({"ARC133"})),
    Fault("average for maximum pool", "resnet18",
          lambda g: become(g, nodes(g, "MaxPool")[0], "AveragePool", kernel_shape=[3, 3],
                           strides=[2, 2], pads=[1, 1, 1, 1]), frozenset({"ARC131"})),
    Fault("pool padded behind only", "resnet18",
          lambda g: set_attribute(nodes(g, "MaxPool")[0], pads=[0, 0, 2, 2]),
          frozenset({"ARC133"})),
    Fault("a ReLU is missing", "resnet18",
          lambda g: leave_out(g, nodes(g, "Relu")[4]), frozenset({"ARC130"})),
    Fault("a shortcut is missing", "resnet18",
          lambda g: leave_out(g, _residuals(g)[0], 0), frozenset({"ARC166"})),
    Fault("maximum for a sum", "resnet18",
          lambda g: become(g, _residuals(g)[1], "Max"), frozenset({"ARC166"})),
    Fault("dilated convolution", "resnet18",
          lambda g: set_attribute(nodes(g, "Conv")[2], dilations=[2, 2], pads=[2, 2, 2, 2]),
          frozenset({"ARC104"})),
    Fault("leaky ReLU everywhere", "resnet18",
          _every("Relu", "LeakyRelu", alpha=0.1), frozenset({"ARC130"})),
    Fault("scores divided by a temperature", "resnet18", _scaled_scores, frozenset({"ARC142"})),
    Fault("image turned left to right", "resnet18",
          lambda g: insert(g, "image", "Slice", np.array([-1]), np.array([-1000]), np.array([3]),
                           np.array([-1])), frozenset({"ARC150"})),
    Fault("rows for columns", "resnet18",
          lambda g: insert(g, "image", "Transpose", perm=[0, 1, 3, 2]), frozenset({"ARC150"})),
    Fault("slope of the hard sigmoid", "mobilenet_v3_small",
          lambda g: [set_attribute(n, alpha=0.2) for n in nodes(g, "HardSigmoid")] and None,
          frozenset({"ARC130"})),
    Fault("ReLU for a hard swish", "mobilenet_v3_small",
          _every("HardSwish", "Relu"), frozenset({"ARC130"})),
    Fault("gate added", "mobilenet_v3_small",
          lambda g: [become(g, readers(g, n.output[0])[0], "Add")
                     for n in nodes(g, "HardSigmoid")] and None, frozenset({"ARC166"})),
    Fault("squeezed by the maximum", "mobilenet_v3_small", _squeeze_by_maximum,
          frozenset({"ARC131"})),
    Fault("depthwise padded behind", "mobilenet_v3_small",
          lambda g: set_attribute(nodes(g, "Conv")[1], pads=[0, 0, 2, 2]), frozenset({"ARC107"})),
    Fault("attention scaled twice", "transformer", _scaled_attention, frozenset({"ARC170"})),
    Fault("softmax over queries", "transformer",
          lambda g: set_attribute(nodes(g, "Softmax")[0], axis=-2), frozenset({"ARC144"})),
    Fault("epsilon of one norm", "transformer",
          lambda g: set_attribute(nodes(g, "LayerNormalization")[1], epsilon=0.1),
          frozenset({"ARC120"})),
    Fault("difference for a sum", "transformer",
          lambda g: become(g, _residuals(g)[-1], "Sub"), frozenset({"ARC166"})),
    Fault("last norm is missing", "transformer",
          lambda g: leave_out(g, nodes(g, "LayerNormalization")[-1]), frozenset({"ARC122"})),
)  # fmt: skip
"""Faults, and how they are named."""


def _other_shortcut(graph: Graph) -> None:
    """The second block of a stage adds the input of the first, which has the same shape."""
    first, second = _residuals(graph)[:2]
    relu = readers(graph, first.output[0])[0]
    for i, name in enumerate(second.input):
        if name == relu.output[0]:
            second.input[i] = nodes(graph, "MaxPool")[0].output[0]


def _stride_moved(graph: Graph) -> None:
    strided = [n for n in nodes(graph, "Conv") if _strides(n) == [2, 2]][1]
    follower = nodes(graph, "Conv")[nodes(graph, "Conv").index(strided) + 1]
    set_attribute(strided, strides=[1, 1])
    set_attribute(follower, strides=[2, 2])


def _strides(node: Any) -> list[int]:
    return next((list(a.ints) for a in node.attribute if a.name == "strides"), [])


def _block_skipped(graph: Graph) -> None:
    """The second block of the first stage is left out."""
    first, second = _residuals(graph)[:2]
    before = readers(graph, first.output[0])[0].output[0]
    behind = readers(graph, second.output[0])[0]
    for reader in readers(graph, behind.output[0]):
        for i, name in enumerate(reader.input):
            if name == behind.output[0]:
                reader.input[i] = before


def _activation_before_sum(graph: Graph) -> None:
    """The last activation of a block stands in front of the sum."""
    total = _residuals(graph)[3]
    relu = readers(graph, total.output[0])[0]
    branch = total.input[0]
    leave_out(graph, relu)
    insert(graph, branch, "Relu")


def _norm_behind_activation(graph: Graph) -> None:
    norm = nodes(graph, "BatchNormalization")[3] if nodes(graph, "BatchNormalization") else None
    relu = readers(graph, norm.output[0])[0]
    assert relu.op_type == "Relu"
    source, middle, end = norm.input[0], norm.output[0], relu.output[0]
    relu.input[0], norm.input[0] = source, middle
    relu.output[0], norm.output[0] = middle, end
    places = [list(graph.node).index(x) for x in (norm, relu)]
    kept = type(norm)()
    kept.CopyFrom(norm)
    graph.node[places[0]].CopyFrom(relu)
    graph.node[places[1]].CopyFrom(kept)


def _no_gates(graph: Graph) -> None:
    for node in nodes(graph, "HardSigmoid"):
        gate = readers(graph, node.output[0])[0]
        leave_out(graph, gate, 1 - list(gate.input).index(node.output[0]))


def _last_token(graph: Graph) -> None:
    """The class token is looked for at the end."""
    from onnx import numpy_helper

    gather = nodes(graph, "Gather")[-1]
    name = "planted_last"
    graph.initializer.append(numpy_helper.from_array(np.int64(-1), name))
    gather.input[1] = name


def _softmax_at_the_end(graph: Graph) -> None:
    from onnx import helper

    last = graph.node[-1]
    last.output[0] = "scores_inner"
    graph.node.append(helper.make_node("Softmax", ["scores_inner"], ["scores"], "planted", axis=1))


def _mean_of_tokens(graph: Graph) -> None:
    """The mean of all tokens is classified, not the class token."""
    from onnx import helper

    gather = nodes(graph, "Gather")[-1]
    gather.CopyFrom(
        helper.make_node(
            "ReduceMean", [gather.input[0]], list(gather.output), gather.name, axes=[1], keepdims=0
        )
    )


def _causal_mask(graph: Graph) -> None:
    """Tokens of the first block see only those before them."""
    scores = nodes(graph, "Softmax")[0].input[0]
    insert(graph, scores, "Add", np.triu(np.full((17, 17), -1e4, np.float32), 1))


MORE = (
    Fault("shortcut of another block", "resnet18", _other_shortcut, frozenset({"ARC162"})),
    Fault("stride moved to the next convolution", "resnet18", _stride_moved, frozenset({"ARC101"})),
    Fault("a block is missing", "resnet18", _block_skipped, frozenset({"ARC163"})),
    Fault("activation before the sum", "resnet18", _activation_before_sum, frozenset({"ARC130"})),
    Fault("norm behind the activation", "resnet18", _norm_behind_activation, frozenset({"ARC122"})),
    Fault("maximum at the head", "resnet18",
          lambda g: become(g, nodes(g, "GlobalAveragePool")[0], "GlobalMaxPool"),
          frozenset({"ARC131"})),
    Fault("softmax at the end", "resnet18", _softmax_at_the_end, frozenset({"ARC140"})),
    Fault("branch halved", "resnet18",
          lambda g: insert(g, _residuals(g)[2].input[0], "Mul", np.float32(0.5)),
          frozenset({"ARC178"})),
    Fault("no gates", "mobilenet_v3_small", _no_gates, frozenset({"ARC160"})),
    Fault("last token", "transformer", _last_token, frozenset({"ARC145"})),
    Fault("mean of tokens", "transformer", _mean_of_tokens, frozenset({"ARC145"})),
    Fault("causal mask", "transformer", _causal_mask, frozenset({"ARC190"})),
    Fault("shortcut of a perceptron is missing", "transformer",
          lambda g: leave_out(g, _residuals(g)[3], 1), frozenset({"ARC166"})),
)  # fmt: skip
"""Faults of a second round."""


def planted(fault: Fault, folder: Path) -> tuple[Path, Path]:
    """Write the network and the network with the fault."""
    import onnx

    a = folder / f"{fault.network}.onnx"
    if not a.exists():
        exported(fault.network, a)
    model = onnx.load(a)
    fault.plant(model.graph)
    b = folder / f"{fault.name.replace(' ', '_')}.onnx"
    onnx.save(model, b)
    return a, b


def scored(fault: Fault, folder: Path) -> Score:
    """Run ``zoodiff diff`` on a network and the same with a fault."""
    a, b = planted(fault, folder)
    program = Path(sys.executable).with_name("zoodiff")
    command = [str(program), "diff", "--json", str(a), str(b)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report = json.loads(run.stdout)
        answer = report["answer"]
    except (KeyError, ValueError):
        return Score(fault, "failed", frozenset(), 0, (run.stdout + run.stderr).strip()[-300:])
    because = frozenset(answer["because"])
    of_effect = [f for f in report["findings"] if f["code"] in because]
    text = "; ".join(f"{f['code']} {f['left']} | {f['right']}" for f in of_effect)
    return Score(fault, answer["relation"], because, len(of_effect), text)


def main() -> None:
    """Print a line per fault and the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    scores = [scored(f, options.folder) for f in (*FAULTS, *MORE) if options.only in f.name]
    for score in scores:
        print(f"{score.words:16}  {score.fault.name} ({score.fault.network}): {score.text}")
    print(f"{sum(score.right for score in scores)} of {len(scores)} right")


if __name__ == "__main__":
    main()
