r"""One form for every activation.

* :math:`\mathrm{clip}(x, 0, \infty) = \max(x, 0)` is ``Relu``; ``Min`` and ``Max`` with a number
  are ``Clip``; a ``Relu`` before ``Clip`` with minimum 0 is part of it.
* hard sigmoid: :math:`\mathrm{clip}(x + 3, 0, 6) / 6 = \mathrm{clip}(x/6 + 1/2, 0, 1)`
  (A. Howard et al., "Searching for MobileNetV3", 2019), also with a ReLU6 spelt out.
* hard swish: :math:`x \cdot \mathrm{hardsigmoid}(x)`.
* swish or SiLU: :math:`x \cdot \sigma(\alpha x)` with :math:`\alpha = 1` (P. Ramachandran et al.,
  2017); 1.702 is the sigmoid approximation of GELU, called QuickGELU.
* GELU: :math:`x \cdot \tfrac12 (1 + \mathrm{erf}(x / \sqrt 2))`, and its approximation
  :math:`\tfrac12 x (1 + \tanh(\sqrt{2/\pi}(x + 0.044715 x^3)))` (D. Hendrycks, K. Gimpel, 2016).
* Mish: :math:`x \tanh(\mathrm{softplus}(x))` (D. Misra, 2019), with
  :math:`\mathrm{softplus}(x) = \log(1 + e^{\beta x}) / \beta` and :math:`\beta = 1`.
"""

from __future__ import annotations

import math
from typing import Any

from zoodiff.graph.layers import in_half
from zoodiff.graph.mutable import MutableGraph, MutableNode

NOTE = "activations"
_CLOSE = 1e-4


def run(graph: MutableGraph) -> None:
    """Rewrite each spelled-out activation as one node, innermost first."""
    _bounds(graph)
    _hard_sigmoids(graph)
    _gated(graph, "Sigmoid", "Swish", {"alpha": 1.0})
    _sloped_swishes(graph)
    _gated(graph, "HardSigmoid", "HardSwish", {})
    _split_hard_swishes(graph)
    _gelus(graph)
    _softplus(graph)
    _mish(graph)


def _softplus(graph: MutableGraph) -> None:
    """``softplus(beta * x) / beta``."""
    for node in graph.of("Softplus"):
        scale, after = graph.before(node), graph.sole_user(node.output)
        if scale is None or after is None or graph.sole_user(scale.output) is not node:
            continue
        if not all(
            n.op == "Mul" and len(n.inputs) == 1 and not n.parameters for n in (scale, after)
        ):
            continue
        beta, inverse = scale.attributes.get("value"), after.attributes.get("value")
        if isinstance(beta, float | int) and beta > 0 and close(inverse, 1.0 / beta):
            graph.read(after, scale.inputs)
            graph.become(after, "Softplus", {"beta": float(beta)}, NOTE)
            graph.remove(node)
            graph.remove(scale)


def _mish(graph: MutableGraph) -> None:
    """``x * tanh(softplus(x))``."""
    for tanh in graph.of("Tanh"):
        inner, product = graph.before(tanh), graph.sole_user(tanh.output)
        if inner is None or inner.op != "Softplus" or inner.attributes.get("beta", 1.0) != 1.0:
            continue
        if product is None or product.op != "Mul" or product.parameters:
            continue
        if sorted(product.inputs) != sorted([inner.inputs[0], tanh.output]):
            continue
        graph.read(product, inner.inputs)
        graph.become(product, "Mish", {}, NOTE)
        graph.remove(tanh)


def close(a: object, b: float) -> bool:
    """Whether a value equals ``b`` up to rounding to float32, or to half precision."""
    if not isinstance(a, int | float):
        return False
    halves = [in_half(b)] + ([1 / in_half(1 / b)] if b and in_half(1 / b) else [])
    limit = _CLOSE * max(1.0, abs(b))
    return abs(a - b) <= limit or any(abs(a - half) <= 1e-9 * abs(half) for half in halves)


def _bounds(graph: MutableGraph) -> None:
    for node in graph.of("Max", "Min"):
        value = node.attributes.get("value")
        if len(node.inputs) == 1 and not node.parameters and isinstance(value, float | int):
            low, high = (float(value), None) if node.op == "Max" else (None, float(value))
            graph.become(node, "Clip", {"min": low, "max": high}, NOTE)
    for node in graph.of("Clip"):
        if node.parameters or len(node.inputs) != 1:
            continue
        before = graph.before(node)
        if before is None or graph.sole_user(before.output) is not node:
            continue
        inner = _interval(before)
        if inner is None or "value" in before.attributes:
            continue
        low, high = inner
        low2, high2 = node.attributes.get("min"), node.attributes.get("max")
        lows, highs = (
            [n for n in (low, low2) if n is not None],
            [n for n in (high, high2) if n is not None],
        )
        if lows and highs and max(lows) > min(highs):
            continue
        node.attributes = {
            "min": max(lows) if lows else None,
            "max": min(highs) if highs else None,
        }
        node.notes |= before.notes | {NOTE}
        graph.read(node, before.inputs)
        graph.remove(before)
    for node in graph.of("Clip"):
        if not node.parameters and node.attributes.get("min") == 0 and _infinite(node):
            graph.become(node, "Relu", {}, NOTE)
    for node in graph.of("LeakyRelu"):
        if node.attributes.get("alpha") == 0:
            graph.become(node, "Relu", {}, NOTE)


def _interval(node: MutableNode) -> tuple[float | None, float | None] | None:
    if node.op == "Relu":
        return (0.0, None)
    if node.op == "Clip" and not node.parameters and len(node.inputs) == 1:
        return (node.attributes.get("min"), node.attributes.get("max"))
    return None


def _infinite(node: MutableNode) -> bool:
    high = node.attributes.get("max")
    return high is None or high > 1e30


def _hard_sigmoids(graph: MutableGraph) -> None:
    """Rewrite ``Add(3), Clip(0, 6), Mul(1/6)``, or ``Mul(1/6), Add(1/2), Clip(0, 1)``."""
    for clip in graph.of("Clip"):
        before = graph.before(clip)
        if clip.parameters or clip.attributes.get("min") != 0 or before is None:
            continue
        if before.op != "Add" or len(before.inputs) != 1 or before.parameters:
            continue
        high, shift = clip.attributes.get("max"), before.attributes.get("value")
        if graph.sole_user(before.output) is not clip:
            continue
        if close(high, 6.0) and close(shift, 3.0):
            _divided_by_six(graph, before, clip)
        elif close(high, 1.0) and close(shift, 0.5):
            _with_slope(graph, before, clip)
    for node in graph.of("HardSigmoid"):
        for key, exact in (("alpha", 1 / 6), ("beta", 0.5)):
            if close(node.attributes.get(key), exact):
                node.attributes[key] = exact


def _divided_by_six(graph: MutableGraph, shift: MutableNode, clip: MutableNode) -> None:
    after = graph.sole_user(clip.output)
    if after is None or after.op != "Mul" or len(after.inputs) != 1:
        _as_scaled(graph, shift, clip)  # the division by 6 may come later
    elif close(after.attributes.get("value"), 1 / 6):
        graph.read(after, shift.inputs)
        graph.become(after, "HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}, NOTE)
        graph.remove(clip)
        graph.remove(shift)


def _with_slope(graph: MutableGraph, shift: MutableNode, clip: MutableNode) -> None:
    scale = graph.before(shift)
    if scale is None or scale.op != "Mul" or len(scale.inputs) != 1:
        return
    slope = scale.attributes.get("value")
    if not isinstance(slope, float) or graph.sole_user(scale.output) is not shift:
        return
    graph.read(clip, scale.inputs)
    graph.become(clip, "HardSigmoid", {"alpha": slope, "beta": 0.5}, NOTE)
    graph.remove(shift)
    graph.remove(scale)


def _as_scaled(graph: MutableGraph, shift: MutableNode, clip: MutableNode) -> None:
    """Rewrite ``clip(x + 3, 0, 6)`` where its product with x is divided by 6 afterwards."""
    product = graph.sole_user(clip.output)
    if product is None or product.op != "Mul" or len(product.inputs) != 2 or product.parameters:
        return
    source = shift.inputs[0]
    if sorted(product.inputs) != sorted([source, clip.output]):
        return
    after = graph.sole_user(product.output)
    if after is None or after.op != "Mul" or not close(after.attributes.get("value"), 1 / 6):
        return
    graph.read(after, [source])
    graph.become(after, "HardSwish", {}, NOTE)
    graph.remove(product)
    graph.remove(clip)
    graph.remove(shift)


def _gated(graph: MutableGraph, gate: str, op: str, attributes: dict[str, Any]) -> None:
    """Rewrite ``x * gate(x)`` if only this product reads the gate."""
    for node in graph.of(gate):
        product = graph.sole_user(node.output)
        if product is None or product.op != "Mul" or len(product.inputs) != 2:
            continue
        if sorted(product.inputs) != sorted([node.inputs[0], node.output]):
            continue
        if gate == "HardSigmoid" and not (
            close(node.attributes["alpha"], 1 / 6) and close(node.attributes["beta"], 0.5)
        ):
            continue
        graph.read(product, node.inputs[:1])
        graph.become(product, op, attributes, NOTE)
        graph.remove(node)


def _sloped_swishes(graph: MutableGraph) -> None:
    """Rewrite ``x * sigmoid(alpha * x)``."""
    for gate in graph.of("Sigmoid"):
        scale, product = graph.before(gate), graph.sole_user(gate.output)
        if scale is None or product is None or product.op != "Mul" or len(product.inputs) != 2:
            continue
        slope = scale.attributes.get("value")
        if scale.op != "Mul" or len(scale.inputs) != 1 or not isinstance(slope, float | int):
            continue
        if graph.sole_user(scale.output) is not gate or scale.parameters:
            continue
        if sorted(product.inputs) != sorted([scale.inputs[0], gate.output]):
            continue
        graph.read(product, scale.inputs)
        graph.become(product, "Swish", {"alpha": float(slope)}, NOTE)
        graph.remove(gate)
        graph.remove(scale)


def _split_hard_swishes(graph: MutableGraph) -> None:
    """Rewrite ``(x / 6) * clip(x + 3, 0, 6)``."""
    for product in graph.of("Mul"):
        if len(product.inputs) != 2 or product.parameters:
            continue
        for left, right in (product.inputs, product.inputs[::-1]):
            scale, clip = graph.producer.get(left), graph.producer.get(right)
            if scale is None or clip is None or clip.op != "Clip" or scale.op != "Mul":
                continue
            shift = graph.before(clip)
            if (
                shift is not None
                and shift.op == "Add"
                and len(scale.inputs) == len(shift.inputs) == 1
                and scale.inputs == shift.inputs
                and close(scale.attributes.get("value"), 1 / 6)
                and close(shift.attributes.get("value"), 3.0)
                and clip.attributes.get("min") == 0
                and close(clip.attributes.get("max"), 6.0)
            ):
                graph.read(product, scale.inputs)
                graph.become(product, "HardSwish", {}, NOTE)
                break


def _gelus(graph: MutableGraph) -> None:
    for erf in graph.of("Erf"):
        _exact_gelu(graph, erf)
    for tanh in graph.of("Tanh"):
        _tanh_gelu(graph, tanh)


def _step(
    graph: MutableGraph, node: MutableNode | None, op: str, value: float
) -> MutableNode | None:
    """Return the only reader of a node if it is this operator with this number."""
    after = graph.sole_user(node.output) if node is not None else None
    if after is None or after.op != op or len(after.inputs) != 1:
        return None
    return after if close(after.attributes.get("value"), value) else None


def _exact_gelu(graph: MutableGraph, erf: MutableNode) -> None:
    scale = graph.before(erf)
    if (
        scale is None
        or scale.op != "Mul"
        or not close(scale.attributes.get("value"), math.sqrt(0.5))
    ):
        return
    _finish_gelu(graph, _step(graph, erf, "Add", 1.0), scale.inputs[0], "none")


def _tanh_gelu(graph: MutableGraph, tanh: MutableNode) -> None:
    scale = graph.before(tanh)
    if (
        scale is None
        or scale.op != "Mul"
        or not close(scale.attributes.get("value"), math.sqrt(2 / math.pi))
    ):
        return
    total = graph.before(scale)
    if total is None or total.op != "Add" or len(total.inputs) != 2:
        return
    for source, cubic in (total.inputs, total.inputs[::-1]):
        part = graph.producer.get(cubic)
        if part is None or part.op != "Mul" or not close(part.attributes.get("value"), 0.044715):
            continue
        power = graph.before(part)
        if power is None or not _is_cube(graph, power, source):
            continue
        _finish_gelu(graph, _step(graph, tanh, "Add", 1.0), source, "tanh")
        return


def _is_cube(graph: MutableGraph, node: MutableNode, source: str) -> bool:
    if node.op == "Pow":
        cubed = not node.attributes.get("constant_first")
        return cubed and node.inputs == [source] and close(node.attributes.get("value"), 3.0)
    if node.op != "Mul" or len(node.inputs) != 2:
        return False
    for left, right in (node.inputs, node.inputs[::-1]):
        square = graph.producer.get(right)
        if left == source and square is not None and square.op == "Mul":
            return square.inputs == [source, source]
    return False


def _finish_gelu(
    graph: MutableGraph, plus: MutableNode | None, source: str, approximate: str
) -> None:
    """Rewrite ``1 + f`` times x times one half, in any order of the factors."""
    if plus is None:
        return
    attributes = {"approximate": approximate}
    after = graph.sole_user(plus.output)
    if after is None or after.op != "Mul":
        return
    if len(after.inputs) == 1:  # (1 + f) * 0.5, then times x
        product = graph.sole_user(after.output)
        if product is None or product.op != "Mul" or not close(after.attributes["value"], 0.5):
            return
        if sorted(product.inputs) == sorted([source, after.output]):
            graph.read(product, [source])
            graph.become(product, "Gelu", attributes, NOTE)
        return
    half = next((t for t in after.inputs if t != plus.output), "")
    if half == source:  # x * (1 + f), then times 0.5
        last = _step(graph, after, "Mul", 0.5)
        if last is not None:
            graph.read(last, [source])
            graph.become(last, "Gelu", attributes, NOTE)
        return
    scaled = graph.producer.get(half)
    if scaled is None or scaled.op != "Mul" or scaled.inputs != [source]:
        return
    if close(scaled.attributes.get("value"), 0.5):
        graph.read(after, [source])
        graph.become(after, "Gelu", attributes, NOTE)
