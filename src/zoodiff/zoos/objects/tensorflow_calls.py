"""How functions and modules of TensorFlow are called: which inputs they take, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoodiff.errors import UsageError
from zoodiff.quantities import counted
from zoodiff.zoos.objects.stated import StatedInputs

_SERVED = "serving_default"
"""The signature of a loaded SavedModel that is taken where it has several."""
_LENGTH, _SIZE = 32, 224
"""What stands in for open extents: the length of a sequence, and the size of an image."""


@dataclass(frozen=True)
class TensorFlowCall:
    """A function with the structure of its arguments."""

    name: str
    """What the function is called in messages."""
    function: Callable[..., Any]
    names: tuple[str, ...]
    """Of the inputs, in the order of the leaves that are tensors."""
    leaves: tuple[Any, ...]
    """Tensors or their specifications, and other values, which are passed as they are."""
    structure: Any
    """Positional arguments and keywords, which the leaves make up."""
    owned: tuple[Any, ...] = ()
    """All variables of the module, as far as they are known."""
    example: tuple[Any, ...] = ()
    """The tensors of the example that was given, in order; empty without one."""

    def specs(self, shapes: Mapping[str, tuple[int, ...]]) -> list[Any]:
        """Return what each input is traced with; other shapes for the inputs named."""
        import tensorflow as tf

        tensors = [leaf for leaf in self.leaves if _is_tensor(leaf)]
        return [
            tf.TensorSpec(shapes.get(name) or _closed(leaf), leaf.dtype, name=_identifier(name))
            for name, leaf in zip(self.names, tensors, strict=True)
        ]

    def __call__(self, *tensors: Any) -> Any:
        """Call the function with these inputs."""
        import tensorflow as tf

        given = iter(tensors)
        leaves = [next(given) if _is_tensor(leaf) else leaf for leaf in self.leaves]
        arguments, keywords = tf.nest.pack_sequence_as(self.structure, leaves)
        return self.function(*arguments, **keywords)


def _is_tensor(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype")


def _identifier(name: str) -> str:
    """A name that TensorFlow takes for a placeholder."""
    return "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name)


def _closed(leaf: Any) -> tuple[int, ...]:
    """The shape of a leaf, usual lengths for what it leaves open."""
    shape = leaf.shape
    if shape.rank is None:
        raise UsageError(
            "an input of the function has no rank; give an example, as in diff(..., example=x)"
        )
    usual = _SIZE if shape.rank == 4 else _LENGTH
    lengths = (n or (1 if axis == 0 else usual) for axis, n in enumerate(shape.as_list()))
    return tuple(int(n) for n in lengths)


def call_of_object(value: Any, example: Any) -> TensorFlowCall | None:
    """Return how a module or function of TensorFlow is called; None for any other object.

    Raises UsageError where it does not show which inputs it takes, and there is no example.
    """
    import tensorflow as tf

    if isinstance(value, tf.types.experimental.ConcreteFunction):
        return _of_concrete(value, example, _name_of(value))
    if _is_function(value):
        return _of_function(value, example, _name_of(value))
    signatures = getattr(value, "signatures", None)
    if isinstance(signatures, Mapping) and signatures:
        name = _SERVED if _SERVED in signatures else next(iter(signatures))
        return _of_concrete(signatures[name], example, name, _owned(value))
    if isinstance(value, tf.Module):
        return _of_module(value, example)
    return None


def call_of_model(model: Any, example: Any) -> TensorFlowCall:
    """Return how a subclassed model of Keras is called at inference, on the backend of TensorFlow.

    Raises UsageError where it is not built, since building would change it.
    """
    name = type(model).__name__
    if not model.built:
        raise UsageError(f"{name} is not built, so it has no weights; call it once first")
    modes = {"training": False} if "training" in inspect.signature(model.call).parameters else {}

    def function(*arguments: Any, **keywords: Any) -> Any:
        return model(*arguments, **modes, **keywords)

    function.python_function = model.call  # type: ignore[attr-defined] # for its signature
    return _of_function(function, example, name)


def _is_function(value: Any) -> bool:
    """Whether a value is a ``tf.function``, which traces what it is called with."""
    return hasattr(value, "get_concrete_function") and hasattr(value, "python_function")


def _name_of(function: Any) -> str:
    graph = getattr(function, "graph", None)  # of a concrete function
    named = getattr(graph, "name", None) or getattr(function, "__name__", None)
    return str(named or "function")


def _owned(module: Any) -> tuple[Any, ...]:
    return tuple(getattr(module, "variables", ()) or ())


def _of_module(module: Any, example: Any) -> TensorFlowCall:
    """The call of a module itself, else of its only function."""
    name = type(module).__name__
    if callable(module):
        called = module.__call__  # a tf.function where the method is decorated
        target = called if _is_function(called) else module
        return _of_function(target, example, name, _owned(module))
    functions = {
        each: function
        for each in dir(type(module))
        if not each.startswith("__") and _is_function(function := getattr(module, each, None))
    }
    if len(functions) != 1:
        given = f"it has the functions {', '.join(functions)}" if functions else "it has none"
        raise UsageError(
            f"{name} is a tf.Module without __call__, so give one of its tf.functions; {given}"
        )
    return _of_function(next(iter(functions.values())), example, name, _owned(module))


def _of_concrete(
    function: Any, example: Any, name: str, owned: Sequence[Any] = ()
) -> TensorFlowCall:
    """The call of a function that is traced already, for the inputs of its signature."""
    arguments, keywords = function.structured_input_signature
    call = _laid_out(name, function, (list(arguments), dict(keywords)), owned)
    return (
        call
        if example is None or isinstance(example, StatedInputs)
        else _with_example(call, _in_order(call, example))
    )


def _of_function(
    function: Any, example: Any, name: str, owned: Sequence[Any] = ()
) -> TensorFlowCall:
    """The call of a function, by its own signature, else by the example."""
    signature = getattr(function, "input_signature", None)
    if signature is not None:
        names = [each for each in _parameters(function) if each != "self"]
        call = _laid_out(name, function, (list(signature), {}), owned, names)
        return (
            call
            if example is None or isinstance(example, StatedInputs)
            else _with_example(call, _in_order(call, example))
        )
    stated = isinstance(example, StatedInputs)
    if stated:
        example = example.fitting(_parameters(function))
    if example is None:
        wanted = ", ".join(_required(function)) or "..."
        raise UsageError(
            f"{name} does not show which inputs it takes ({wanted}); give some, as in "
            f"diff(..., example=({wanted},)), or an input_signature to its tf.function"
        )
    arguments, keywords = _arguments(function, example)
    call = _laid_out(name, function, (arguments, keywords), owned, _parameters(function))
    tensors = tuple(leaf for leaf in call.leaves if _is_tensor(leaf))
    if not tensors:
        raise UsageError(f"the example of {name} holds no tensor and no array")
    return call if stated else _with_example(call, tensors)


def _parameters(function: Any) -> list[str]:
    return list(_signature(function).parameters)


def _signature(function: Any) -> inspect.Signature:
    written = getattr(function, "python_function", function)
    try:
        return inspect.signature(written)
    except (TypeError, ValueError):
        return inspect.Signature()


def _required(function: Any) -> list[str]:
    named = [each for each in _signature(function).parameters.values() if each.name != "self"]
    needed = [each.name for each in named if each.default is each.empty]
    return needed or [each.name for each in named]


def _arguments(function: Any, example: Any) -> tuple[list[Any], dict[str, Any]]:
    """Positional arguments and keywords of an example, arrays as tensors."""
    if isinstance(example, Mapping):
        known = _signature(function).parameters
        if known.keys() & example.keys():
            return [], {name: _tensors(value) for name, value in example.items()}
        return [_tensors(dict(example))], {}
    if isinstance(example, tuple | list):
        return [_tensors(each) for each in example], {}
    return [_tensors(example)], {}


def _tensors(value: Any) -> Any:
    import numpy as np
    import tensorflow as tf

    def converted(leaf: Any) -> Any:
        if hasattr(leaf, "detach"):  # a tensor of PyTorch
            leaf = leaf.detach().cpu().numpy()
        return tf.convert_to_tensor(leaf) if isinstance(leaf, np.ndarray | np.generic) else leaf

    return tf.nest.map_structure(converted, value)


def _laid_out(
    name: str,
    function: Any,
    structure: tuple[list[Any], dict[str, Any]],
    owned: Sequence[Any],
    parameters: Sequence[str] = (),
) -> TensorFlowCall:
    """The call for a structure of tensors or specifications, with a name for each."""
    import tensorflow as tf

    arguments, keywords = structure
    labels: list[str] = []
    for k, argument in enumerate(arguments):
        label = parameters[k] if k < len(parameters) else f"input {k}"
        labels += _labels(label, argument)
    for key in sorted(keywords):  # the order in which TensorFlow flattens dictionaries
        labels += _labels(key, keywords[key])
    leaves = tf.nest.flatten(structure)
    names = [label for label, leaf in zip(labels, leaves, strict=True) if _is_tensor(leaf)]
    return TensorFlowCall(name, function, tuple(names), tuple(leaves), structure, tuple(owned))


def _labels(label: str, value: Any) -> list[str]:
    """A name for each leaf of an argument: its own, else the argument's with a number."""
    import tensorflow as tf

    leaves = tf.nest.flatten(value)
    if isinstance(value, Mapping) and len(leaves) == len(value):
        return [str(key) for key in sorted(value)]
    own = [
        getattr(leaf, "name", None) if isinstance(leaf, tf.TensorSpec) else None for leaf in leaves
    ]
    if len(leaves) == 1:
        return [str(own[0] or label)]
    return [str(each or f"{label} {k}") for k, each in enumerate(own)]


def _in_order(call: TensorFlowCall, example: Any) -> tuple[Any, ...]:
    """The tensors of an example, in the order of the inputs of a call."""
    import tensorflow as tf

    given = _tensors(example)
    if isinstance(given, Mapping) and set(given) == set(call.names):
        return tuple(given[name] for name in call.names)
    return tuple(leaf for leaf in tf.nest.flatten(given) if _is_tensor(leaf))


def _with_example(call: TensorFlowCall, tensors: tuple[Any, ...]) -> TensorFlowCall:
    """The call with the shapes of an example, where they fit."""
    specs = [leaf for leaf in call.leaves if _is_tensor(leaf)]
    if len(tensors) != len(specs):
        raise UsageError(
            f"{call.name} takes ({', '.join(call.names)}), and the example has "
            f"{counted(len(tensors), 'tensor')}"
        )
    filled = []
    given = iter(tensors)
    for leaf in call.leaves:
        filled.append(next(given) if _is_tensor(leaf) else leaf)
    for name, spec, tensor in zip(call.names, specs, tensors, strict=True):
        if not spec.shape.is_compatible_with(tensor.shape):
            raise UsageError(
                f"the example of the input {name} has the shape {list(tensor.shape)}, and "
                f"{call.name} takes {spec.shape}"
            )
    return TensorFlowCall(
        call.name,
        call.function,
        call.names,
        tuple(_typed(spec, leaf) for spec, leaf in zip(call.leaves, filled, strict=True)),
        call.structure,
        call.owned,
        tuple(tensors),
    )


def _typed(spec: Any, leaf: Any) -> Any:
    """An example's shape with the type that the function takes."""
    import tensorflow as tf

    return tf.TensorSpec(leaf.shape, spec.dtype) if _is_tensor(leaf) else leaf
