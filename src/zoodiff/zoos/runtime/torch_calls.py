"""Calls of PyTorch modules and programs with named inputs of any type, nested or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OPEN = 32
"""What stands in for an open extent of which no example is known."""


@dataclass(frozen=True)
class TorchCall:
    """The structure of a call: which leaves of its arguments are inputs, by name."""

    names: tuple[str, ...]
    """Of the leaves that are tensors, in order."""
    leaves: tuple[Any, ...]
    """Tensors, with the shape, type and device of the input, and other values, passed as given."""
    structure: Any
    """How leaves make up positional arguments and keywords."""
    unread: frozenset[str] = frozenset()
    """Names of inputs that no output depends on; where they are not given they are zeros."""

    def arguments(
        self, inputs: Mapping[str, NDArray[Any]]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positional arguments and keywords with these inputs.

        Raises MeasurementError where one that is read is missing or there is no such input.
        """
        import numpy as np
        import torch

        names = iter(self.names)
        filled = []
        for leaf in self.leaves:
            if not isinstance(leaf, torch.Tensor):
                filled.append(leaf)
                continue
            name = next(names)
            if name not in inputs and name in self.unread:
                filled.append(torch.zeros_like(leaf))
                continue
            if name not in inputs:
                raise MeasurementError(f"the network needs an input {name}")
            array = np.array(inputs[name])  # a copy, because PyTorch accepts only writable memory
            filled.append(torch.from_numpy(array).to(dtype=leaf.dtype, device=leaf.device))
        if unknown := sorted(inputs.keys() - set(self.names)):
            raise MeasurementError(f"the network has no input {unknown[0]}")
        return _unflattened(filled, self.structure)

    def example(
        self, shapes: Mapping[str, tuple[int, ...]]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return empty arguments, with other shapes for the inputs named."""
        import torch

        if unknown := sorted(shapes.keys() - set(self.names)):
            known = ", ".join(self.names) or "none"
            raise MeasurementError(f"the network has no input {unknown[0]}; its inputs are {known}")
        names = iter(self.names)
        filled = []
        for leaf in self.leaves:
            if isinstance(leaf, torch.Tensor):
                shape = shapes.get(next(names), tuple(leaf.shape))
                filled.append(torch.empty(shape, dtype=leaf.dtype, device=leaf.device))
            else:
                filled.append(leaf)
        return _unflattened(filled, self.structure)


def _unflattened(leaves: Sequence[Any], structure: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    from torch.utils import _pytree as pytree

    arguments, keywords = pytree.tree_unflatten(list(leaves), structure)
    return tuple(arguments), dict(keywords)


def call_of_program(program: Any) -> TorchCall:
    """Return how a program of ``torch.export`` is called, open extents as in its example.

    Raises MeasurementError for an input that is neither a tensor nor a fixed value.
    """
    import torch

    signature = program.graph_signature.user_inputs
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    examples = _example_leaves(program, len(signature))
    open_extents: dict[str, int] = {}
    names, leaves = [], []
    for argument, example in zip(signature, examples, strict=True):
        node = nodes.get(argument) if isinstance(argument, str) else None
        value = node.meta.get("val") if node is not None else argument
        if not isinstance(value, torch.Tensor):
            if value is not None and not isinstance(value, bool | int | float | str):
                raise MeasurementError(
                    f"the input {argument} is a {type(value).__name__}, which cannot be generated"
                )
            leaves.append(value)
            continue
        lengths = tuple(getattr(example, "shape", ())) or (None,) * value.dim()
        shape = [
            extent
            if isinstance(extent, int)
            else open_extents.setdefault(str(extent), int(1 if axis == 0 else length or _OPEN))
            for axis, (extent, length) in enumerate(zip(value.shape, lengths, strict=True))
        ]
        names.append(str(argument))
        leaves.append(torch.empty(shape, dtype=value.dtype))
    unread = frozenset(names) - _read(program.graph)
    return TorchCall(tuple(names), tuple(leaves), program.call_spec.in_spec, unread)


def _read(graph: Any) -> set[str]:
    """The names of all nodes that outputs of a program depend on."""
    left, read = [node for node in graph.nodes if node.op == "output"], set()
    while left:
        node = left.pop()
        if node.name not in read:
            read.add(node.name)
            left += node.all_input_nodes
    return read


def _example_leaves(program: Any, count: int) -> Sequence[Any]:
    """The leaves of the example that a program was exported with; Nones where it has none."""
    from torch.utils import _pytree as pytree

    example = getattr(program, "example_inputs", None)
    leaves: Sequence[Any] = pytree.tree_leaves(example) if example is not None else ()
    return leaves if len(leaves) == count else (None,) * count


def named_outputs(returned: Any) -> dict[str, NDArray[Any]]:
    """Return the tensors of what a module returned, by their place in it, in order.

    Raises MeasurementError for a value that numpy has no array for.
    """
    import numpy as np
    import torch
    from torch.utils import _pytree as pytree

    outputs: dict[str, NDArray[Any]] = {}
    for path, value in pytree.tree_flatten_with_path(returned)[0]:
        if not isinstance(value, torch.Tensor):
            continue
        tensor = value.detach().cpu()
        if tensor.dtype in {torch.bfloat16, torch.float16}:
            tensor = tensor.float()
        try:
            array = np.asarray(tensor.numpy())
        except (RuntimeError, TypeError) as error:
            raise MeasurementError(f"an output is no array ({error})") from None
        name = ".".join(str(_key(step)) for step in path) or "output"
        outputs[name if name not in outputs else f"{name}#{len(outputs)}"] = array
    if not outputs:
        raise MeasurementError("the network returns no tensors")
    return outputs


def _key(step: Any) -> object:
    """The key, index or attribute of a step into a structure."""
    for attribute in ("key", "idx", "name"):
        if hasattr(step, attribute):
            return getattr(step, attribute)
    return step


def run_call(
    forward: Callable[..., Any], call: TorchCall, inputs: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return the outputs of one call without gradients; raise MeasurementError if it fails."""
    import torch

    arguments, keywords = call.arguments(inputs)
    try:
        with torch.inference_mode():
            returned = forward(*arguments, **keywords)
    except Exception as error:  # a network's own code may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise MeasurementError(f"the network refuses the inputs ({reason})") from None
    return named_outputs(returned)
