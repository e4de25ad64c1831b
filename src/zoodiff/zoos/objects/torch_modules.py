"""Modules of PyTorch and programs of ``torch.export`` that the caller holds."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from zoodiff.errors import MeasurementError, UnknownInputsError, UsageError
from zoodiff.quantities import counted
from zoodiff.zoos.objects.stated import StatedInputs
from zoodiff.zoos.objects.torch_networks import HeldTorch, on_device_of
from zoodiff.zoos.objects.torch_state import (
    gives_cache,
    hooks_sentence,
    image_channels,
    original_of,
    stated_image,
    training_sentence,
    wrapped_sentence,
)
from zoodiff.zoos.runtime.torch_calls import TorchCall, call_of_program

_SIZE = 224
"""Height and width of the image that is tried where no example is given."""
_MOST = 6
"""Arguments that a sentence names."""
_NEAR = 0.8
"""How alike a misspelled name and the right one are at least."""
_VARIABLE = frozenset({inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD})


class HeldModule(HeldTorch):
    """A module, run as it is; see ``zoodiff.zoos.objects.entries.Held``."""

    def __init__(self, module: Any, example: Any) -> None:
        self._original = original_of(module)
        super().__init__(type(self._original).__name__)
        self._given_module = module
        if isinstance(example, StatedInputs):
            example = example.fitting(self._signature().parameters)
        self._example = example

    @property
    def notes(self) -> Sequence[str]:
        """What the caller should know first."""
        training = training_sentence(self._original, self.name)
        sentences = (
            wrapped_sentence(self._given_module, self.name),
            f"{training}, so it is compared as a graph only" if training else "",
            hooks_sentence(self._original, self.name),
            f"{self.name} is called with use_cache=False" if self._leaves_out_cache() else "",
        )
        return [sentence for sentence in sentences if sentence]

    def _modules(self) -> list[Any]:
        return list(self._original.modules())

    def _module(self) -> Any:
        return self._original

    def _check(self) -> None:
        training = training_sentence(self._original, self.name)
        if training:
            raise MeasurementError(
                f"{training}, where outputs are no function of the inputs alone; call eval() of "
                f"{self.name} first"
            )

    def _given(self) -> Sequence[Any] | None:
        return None if self._example is None else self._first_call().leaves

    def _signature(self) -> inspect.Signature:
        """What the module is called with."""
        return inspect.signature(self._original.forward)

    def _first_call(self) -> TorchCall:
        from torch.utils import _pytree as pytree

        arguments, keywords = self._arguments()
        signature = self._signature()
        self._check_names(signature, keywords)
        if self._leaves_out_cache():
            keywords = {**keywords, "use_cache": False}
        try:
            signature.bind(*arguments, **keywords)
        except TypeError as error:
            what = "stated inputs do" if isinstance(self._example, StatedInputs) else "example does"
            raise UsageError(
                f"{self.name} takes ({', '.join(signature.parameters)}), and the {what} not fit: "
                f"{error}"
            ) from None
        arguments = on_device_of(self._original, arguments)
        # In the order of the signature, which is that of the graph's inputs.
        keywords = {
            name: keywords[name] for name in signature.parameters if name in keywords
        } | keywords
        keywords = on_device_of(self._original, keywords)
        leaves, structure = pytree.tree_flatten((arguments, keywords))
        count = sum(hasattr(leaf, "detach") for leaf in leaves)
        if not count:
            raise UsageError(f"the example of {self.name} holds no tensor and no array")
        names = tuple(f"input {k}" for k in range(count))
        return TorchCall(names, tuple(leaves), structure)

    def _arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional arguments and keywords; an image where no example is given."""
        if self._example is None:
            return (self._image(),), {}
        if isinstance(self._example, Mapping):
            named = dict(self._example)
            known = self._signature().parameters
            free = any(each.kind is each.VAR_KEYWORD for each in known.values())
            # Names of which none is known are the keys of a single argument.
            return ((), named) if free or known.keys() & named.keys() else ((named,), {})
        if isinstance(self._example, tuple | list):
            return tuple(self._example), {}
        return (self._example,), {}

    def _leaves_out_cache(self) -> bool:
        """Whether the module is told to return no cache, of which the example says nothing."""
        said = isinstance(self._example, Mapping) and "use_cache" in self._example
        return (
            not said and gives_cache(self._original) and "use_cache" in self._signature().parameters
        )

    def _check_names(self, signature: inspect.Signature, named: Mapping[str, Any]) -> None:
        """Raise UsageError for a misspelled name, which a module with ``**kwargs`` would ignore."""
        known = [each.name for each in signature.parameters.values() if each.kind not in _VARIABLE]
        for name in named:
            near = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
            if name not in known and near and near[0] not in named:
                raise UsageError(f"{self.name} takes no {name}; did you mean {near[0]}?")

    def _image(self) -> Any:
        """An image of the size that the module says, or with the channels of its first layer."""
        import torch

        size = stated_image(self._original)
        if size is None:
            channels = next((n for m in self._modules() if (n := image_channels(m))), None)
            size = None if channels is None else (channels, _SIZE, _SIZE)
        if size is None:
            raise UnknownInputsError(self._wanted())
        return torch.empty(1, *size)

    def _wanted(self) -> str:
        """What the module takes, and how to give it, where there is no example."""
        signature = self._signature()
        required = _required(signature)
        if not signature.parameters:
            return f"{self.name} takes no inputs, so there is nothing to compare it on"
        if not required:
            return f"{self.name} does not show which inputs it takes; give some as the example"
        main = str(getattr(self._original, "main_input_name", ""))  # of Hugging Face
        named = [main] if main in signature.parameters else required[:_MOST]
        by_name = main in signature.parameters or any(
            signature.parameters[name].kind is inspect.Parameter.KEYWORD_ONLY for name in named
        )
        pairs = ", ".join(f"'{name}': {name}" for name in named)
        example = f"{{{pairs}}}" if by_name else f"({', '.join(named)},)"
        more = ", ..." if len(required) > _MOST else ""
        return (
            f"{self.name} does not show which inputs it takes ({', '.join(required[:_MOST])}"
            f"{more}); give some, as in diff(..., example={example}), or state them all, as in "
            f"inputs=['{named[0]}=int64[1,32]'{', ...' if len(named) > 1 else ''}]"
        )


def _required(signature: inspect.Signature) -> list[str]:
    """The arguments that have to be given; all of them where none has to."""
    named = [each for each in signature.parameters.values() if each.kind not in _VARIABLE]
    needed = [each.name for each in named if each.default is each.empty]
    return needed or [each.name for each in named]


class HeldProgram(HeldTorch):
    """A program of ``torch.export``; see ``zoodiff.zoos.objects.entries.Held``."""

    notes: Sequence[str] = ()

    def __init__(self, program: Any, example: Any) -> None:
        super().__init__("ExportedProgram")
        self._program = program
        self._built = program.module()
        self._example = example

    def _module(self) -> Any:
        return self._built

    def _check(self) -> None:
        """A program has the one mode that it was exported in."""

    def _first_call(self) -> TorchCall:
        return call_of_program(self._program)

    def _given(self) -> Sequence[Any] | None:
        if self._example is None:
            return None
        call = self._call()
        leaves = self._leaves(call)
        if len(leaves) != len(call.names):
            raise UsageError(
                f"the program takes ({', '.join(call.names)}), and the example has "
                f"{counted(len(leaves), 'tensor')}"
            )
        return leaves

    def _leaves(self, call: TorchCall) -> list[Any]:
        """The tensors of the example, in the order of the program's inputs."""
        from torch.utils import _pytree as pytree

        given = on_device_of(self._built, self._example)
        if isinstance(given, Mapping) and set(given) == set(call.names):
            return [given[name] for name in call.names]
        return [leaf for leaf in pytree.tree_leaves(given) if hasattr(leaf, "detach")]
