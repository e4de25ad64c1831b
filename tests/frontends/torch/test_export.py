"""The PyTorch frontend, in a process of its own: torch and TensorFlow must not share one."""

import importlib.util
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import pytest

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs torch"),
]

HEAD = """
import torch
from torch import nn
import torch.nn.functional as F
from zoodiff.frontends.torch.export import to_graph
from zoodiff.graph.cost import count
from zoodiff.errors import MeasurementError

def graph(module, *shape):
    return to_graph(module, shape or (1, 3, 9, 9), "test")

def ops(g):
    return [n.op for n in g.nodes]
"""


LOOP = """
import json, os, sys, traceback
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what torch prints is no answer
for line in sys.stdin:
    try:
        exec(compile(json.loads(line), "<test>", "exec"), {"__name__": "test"})
        print(json.dumps(""), file=answers, flush=True)
    except BaseException:
        print(json.dumps(traceback.format_exc()), file=answers, flush=True)
"""
Check = Callable[[str], None]


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Check]:
    """Runs a script, each in a namespace of its own of one process: torch takes long to start."""
    log = tmp_path_factory.mktemp("torch") / "log"
    with (
        log.open("w") as file,
        subprocess.Popen(
            [sys.executable, "-c", LOOP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        ) as process,
    ):
        assert process.stdin and process.stdout

        def run(body: str) -> None:
            assert process.stdin and process.stdout
            process.stdin.write(json.dumps(HEAD + textwrap.dedent(body)) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            assert answer, log.read_text()[-2000:]
            assert json.loads(answer) == ""

        yield run
        process.stdin.close()
        try:
            process.wait(60)
        finally:
            process.kill()


def test_convolutions_keep_every_attribute_and_pads_are_explicit(check: Check) -> None:
    check(
        """
        g = graph(nn.Conv2d(3, 6, (3, 5), stride=(2, 1), padding=(1, 2), dilation=(1, 1), groups=3))
        (n,) = g.nodes
        assert n.op == "Conv", n
        assert dict(n.attributes) == {
            "kernel_shape": [3, 5], "strides": [2, 1], "dilations": [1, 1], "group": 3,
            "pads": [1, 2, 1, 2], "out_channels": 6, "bias": True,
        }, n.attributes
        assert [p.shape for p in n.parameters] == [(6, 1, 3, 5), (6,)]
        same = graph(nn.Conv2d(3, 3, 4, padding="same")).nodes[0]
        assert same.attributes["pads"] == [1, 1, 2, 2]
        assert count(g).macs == 6 * 5 * 9 * 15
        """
    )


def test_a_functional_pad_is_a_node_in_onnx_order(check: Check) -> None:
    check(
        """
        class M(nn.Module):
            def forward(self, x): return F.pad(x, (1, 2, 3, 4), value=0.5)
        (n,) = graph(M()).nodes
        assert n.op == "Pad" and n.attributes["pads"] == [3, 1, 4, 2], n
        assert n.attributes["axes"] == [2, 3] and n.attributes["value"] == 0.5
        """
    )


def test_forms_of_global_pooling_and_flattening(check: Check) -> None:
    check(
        """
        class Mean(nn.Module):
            def forward(self, x): return x.mean([2, 3])
        class Pool(nn.Module):
            def forward(self, x): return torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)
        assert ops(graph(Mean())) == ops(graph(Pool())) == ["GlobalAveragePool", "Flatten"]
        assert ops(graph(nn.AdaptiveAvgPool2d(9))) == []
        n = graph(nn.AdaptiveAvgPool2d(3)).nodes[0]
        assert n.op == "AveragePool" and n.attributes["kernel_shape"] == [3, 3]
        assert graph(nn.AdaptiveAvgPool2d(2)).nodes[0].op == "aten::adaptive_avg_pool2d"
        """
    )


def test_settings_of_an_exponential_unit_are_kept(check: Check) -> None:
    check(
        """
        assert graph(nn.ELU(0.5)).nodes[0].attributes["alpha"] == 0.5
        assert graph(nn.ELU()).nodes[0].attributes["alpha"] == 1.0
        class M(nn.Module):
            def forward(self, x): return torch.ops.aten.elu(x, 1.0, 2.0)
        assert ops(graph(M())) == ["aten::elu"]
        """
    )


def test_in_place_operations_replace_the_value_for_later_readers(check: Check) -> None:
    check(
        """
        class M(nn.Module):
            def forward(self, x):
                y = x + 1
                y.relu_()
                return y * 2
        g = graph(M())
        assert ops(g) == ["Add", "Relu", "Mul"]
        assert g.nodes[2].inputs == g.nodes[1].outputs
        assert graph(nn.Sequential(nn.Conv2d(3, 3, 1), nn.Hardtanh(0, 6))).nodes[1].attributes == {
            "min": 0.0, "max": 6.0}
        """
    )


def test_parts_of_an_axis_are_the_same_however_they_are_taken(check: Check) -> None:
    check(
        HEAD
        + """
from zoodiff.graph.fingerprint import fingerprint

class Parts(nn.Module):
    def __init__(self, take):
        super().__init__()
        self.take, self.linear = take, nn.Linear(6, 12)
    def forward(self, x):
        a, b, c = self.take(self.linear(x).unflatten(2, (3, 4)).permute(2, 0, 1, 3))
        return a * b + c

bound = graph(Parts(lambda y: y.unbind(0)), 1, 5, 6)
taken = graph(Parts(lambda y: (y[0], y[1], y[2])), 1, 5, 6)
assert not any("::" in op for op in ops(bound)), ops(bound)
assert fingerprint(bound) == fingerprint(taken)
other = graph(Parts(lambda y: (y[0], y[1], y[1])), 1, 5, 6)
assert fingerprint(bound) != fingerprint(other)
"""
    )


def test_pieces_of_given_sizes_are_a_split(check: Check) -> None:
    check(
        HEAD
        + """
class Pieces(nn.Module):
    def forward(self, x):
        a, b = x.split([1, 2], dim=1)
        return a.mul(b[:, :1].reshape_as(a))
g = graph(Pieces())
assert ops(g)[0] == "Split" and g.nodes[0].attributes == {"axis": 1, "split": [1, 2]}, g.nodes[0]
assert not any("::" in op for op in ops(g)), ops(g)
"""
    )


def test_a_conversion_to_the_same_type_is_nothing_and_any_other_stays(check: Check) -> None:
    check(
        HEAD
        + """
class To(nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype
    def forward(self, x):
        return (x.to(self.dtype) + 1).type_as(x)
assert ops(graph(To(torch.float32))) == ["Add"]
assert ops(graph(To(torch.float64))) == ["Cast", "Add", "Cast"]
"""
    )


def test_bounds_that_are_computed_stay_visible(check: Check) -> None:
    check(
        HEAD
        + """
class Clamped(nn.Module):
    def __init__(self):
        super().__init__()
        self.low = nn.Parameter(torch.zeros(1))
    def forward(self, x):
        return torch.clamp(x, min=self.low)
assert ops(graph(Clamped())) == ["aten::clamp"]
assert ops(graph(nn.ReLU6()))[0] != "aten::clamp"
"""
    )


def test_a_part_without_gradients_is_described_like_the_rest(check: Check) -> None:
    check(
        HEAD
        + """
class Apart(nn.Module):
    def forward(self, x):
        with torch.no_grad():
            y = x.relu()
        return y + x
assert ops(graph(Apart())) == ["Relu", "Add"]
"""
    )


def test_batch_norm_keeps_its_statistics_apart_and_dropout_goes(check: Check) -> None:
    check(
        """
        g = graph(nn.Sequential(nn.BatchNorm2d(3, eps=1e-3), nn.Dropout()))
        (n,) = g.nodes
        assert n.attributes["epsilon"] == 1e-3
        assert [p.trainable for p in n.parameters] == [True, True, False, False]
        c = count(g)
        assert (c.parameters, c.statistics, c.normalisations) == (6, 6, 1)
        """
    )


def test_attention_is_two_products_and_a_softmax(check: Check) -> None:
    check(
        """
        m = nn.MultiheadAttention(8, 2, batch_first=True)
        class M(nn.Module):
            def __init__(self):
                super().__init__(); self.m = m
            def forward(self, x): return self.m(x, x, x, need_weights=False)[0]
        g = graph(M(), 1, 5, 8)
        kinds = ops(g)
        assert kinds.count("MatMul") == 2 and kinds.count("Softmax") == 1, kinds
        # in-projection 5*8*24, out-projection 5*8*8, scores and values 2 heads * 5*5*4 each
        assert count(g).macs == 5*8*24 + 5*8*8 + 2 * (2*5*5*4), count(g).macs
        assert not count(g).softmax_inside
        """
    )


def test_weights_computed_on_the_way_are_inputs_of_the_convolution(check: Check) -> None:
    check(
        """
        class Standardised(nn.Conv2d):
            def forward(self, x):
                flat = self.weight.reshape(1, 6, -1)
                w = F.batch_norm(flat, None, None, training=True, momentum=0.0)
                return F.conv2d(x, w.reshape_as(self.weight), self.bias)
        g = graph(Standardised(3, 6, 3))
        conv = [n for n in g.nodes if n.op == "Conv"][0]
        assert len(conv.inputs) == 2 and conv.attributes["kernel_shape"] == [3, 3]
        assert count(g).parameters == 6 * 27 + 6
        from zoodiff.graph.canonical import canonical
        assert "Conv" in ops(canonical(g))
        """
    )


def test_a_bias_that_is_computed_is_added_behind_the_layer(check: Check) -> None:
    """As in Swin v2, which zeroes the bias of the keys; the weights keep their role."""
    check(
        """
        class M(nn.Module):
            def __init__(self):
                super().__init__(); self.qkv = nn.Linear(8, 24)
            def forward(self, x):
                bias = self.qkv.bias.clone()
                bias[8:16].zero_()
                return F.linear(x.flatten(2), self.qkv.weight, bias)
        g = to_graph(M(), (1, 3, 2, 4), "m")
        (layer,) = [n for n in g.nodes if n.op == "Gemm"]
        assert [p.role for p in layer.parameters] == ["weight"]
        assert layer.attributes["bias"] is False
        (total,) = [n for n in g.nodes if n.op == "Add"]
        assert layer.outputs[0] in total.inputs
        from zoodiff.graph.canonical import canonical
        canonical(g)
        """
    )


def test_unknown_functions_are_opaque_and_unused_weights_are_listed(check: Check) -> None:
    check(
        """
        class M(nn.Module):
            def __init__(self):
                super().__init__(); self.spare = nn.Linear(4, 4)
            def forward(self, x): return torch.cumprod(x, 2)
        g = graph(M())
        assert ops(g) == ["aten::cumprod"] and g.nodes[0].attributes == {"arg1": 2}
        assert count(g).unused_parameters == 20
        """
    )


def test_macs_equal_torchs_own_counter(check: Check) -> None:
    """torch counts two floating-point operations a MAC, over the same three kinds."""
    check(
        """
        from torch.utils.flop_counter import FlopCounterMode
        from zoodiff.torch_compat import import_torchvision
        models = import_torchvision().models
        for name in ("resnet50", "mobilenet_v3_large", "shufflenet_v2_x1_0", "vit_b_16", "swin_t"):
            with torch.device("meta"):
                m = getattr(models, name)(weights=None).eval()
                x = torch.empty(1, 3, 224, 224)
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                m(x)
            assert count(graph(m, 1, 3, 224, 224)).macs * 2 == counter.get_total_flops(), name
        """
    )


def test_layers_equal_a_count_of_modules(check: Check) -> None:
    check(
        """
        from zoodiff.torch_compat import import_torchvision
        models = import_torchvision().models
        for name in ("resnet50", "densenet121", "mobilenet_v2", "efficientnet_b0", "convnext_tiny"):
            with torch.device("meta"):
                m = getattr(models, name)(weights=None).eval()
            c = count(graph(m, 1, 3, 224, 224))
            kinds = [type(s) for s in m.modules()]
            norms = sum(issubclass(k, (nn.BatchNorm2d, nn.LayerNorm)) for k in kinds)
            assert c.convolutions == sum(issubclass(k, nn.Conv2d) for k in kinds), name
            assert c.linear_layers == sum(issubclass(k, nn.Linear) for k in kinds), name
            assert c.normalisations == norms, name
        """
    )


def test_names_are_the_modules_paths(check: Check) -> None:
    check(
        """
        from zoodiff.torch_compat import import_torchvision
        with torch.device("meta"):
            m = import_torchvision().models.resnet50().eval()
        g = graph(m, 1, 3, 224, 224)
        names = [n.name for n in g.nodes]
        assert "layer2.0.conv2" in names and len(names) == len(set(names))
        conv = g.nodes[names.index("layer2.0.conv2")]
        assert conv.attributes["strides"] == [2, 2]
        assert conv.parameters[0].name == "layer2.0.conv2.weight"
        """
    )


def test_what_cannot_be_traced_is_one_sentence(check: Check) -> None:
    check(
        """
        class M(nn.Module):
            def forward(self, x):
                if x.sum() > 0: return x
                return -x
        try:
            graph(M())
        except MeasurementError as error:
            assert "cannot trace test" in str(error) and "\\n" not in str(error)
        else:
            raise AssertionError("traced")
        """
    )


def test_torchvision_imports_where_its_operators_are_missing() -> None:
    """In a fresh process: the first import is the one that counts."""
    body = """
        from zoodiff.torch_compat import import_torchvision
        first = import_torchvision()
        assert import_torchvision() is first
        assert len(first.models.list_models(module=first.models)) == 80
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(body)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
