"""Finds functions that write in place into memory that several tensors of a program share."""

from __future__ import annotations

from zoodiff.frontends.torch.protocols import FxGraph, FxNode

_VIEWS = frozenset(
    {"alias", "chunk", "contiguous", "detach", "diagonal", "dropout", "expand", "expand_as"}
    | {"feature_dropout", "flatten", "getitem", "narrow", "permute", "reshape", "reshape_as"}
    | {"select", "slice", "split", "split_with_sizes", "squeeze", "swapaxes", "t", "to"}
    | {"transpose", "type_as", "unbind", "unflatten", "unfold", "unsqueeze", "view", "view_as"}
)
"""Functions whose result may be another view of the memory of their first argument."""
_WITHOUT_EFFECT = frozenset({"dropout_", "feature_dropout_"})
"""Functions in place that change nothing at inference."""


def in_place(node: FxNode) -> bool:
    """Whether a call writes its result into its first argument."""
    function = _function(node)
    named = function.endswith("_") and not function.endswith("__")
    return named and bool(node.args) and hasattr(node.args[0], "name")


def writes_into_shared_memory(graph: FxGraph) -> bool:
    """Whether a call writes into a view of a tensor, or into a tensor with a view before the call.

    The other tensor changes with it then, so the program must be rewritten without such writing.
    """
    viewed: set[str] = set()
    for node in graph.nodes:
        if node.op != "call_function" or not node.args:
            continue
        source = node.args[0]
        if (
            in_place(node)
            and not _without_effect(node)
            and (source.name in viewed or _is_view(source))
        ):
            return True
        if _is_view(node) and hasattr(source, "name"):
            viewed.add(source.name)
    return False


def _without_effect(node: FxNode) -> bool:
    return _function(node) in _WITHOUT_EFFECT and not (len(node.args) > 2 and node.args[2])


def _is_view(node: FxNode) -> bool:
    return node.op == "call_function" and _function(node) in _VIEWS


def _function(node: FxNode) -> str:
    target = str(node.target)
    if "getitem" in target:
        return "getitem"
    parts = target.split(".")
    return parts[1] if len(parts) > 1 else parts[0]
