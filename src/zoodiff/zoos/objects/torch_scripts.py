"""Modules of TorchScript that the caller holds, traced or scripted."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError
from zoodiff.zoos.objects.torch_modules import HeldModule
from zoodiff.zoos.runtime.script_program import (
    program_of_script,
    with_input_names,
    with_trained_weights,
)

if TYPE_CHECKING:
    from zoodiff.graph.ir import Graph


class HeldScript(HeldModule):
    """A script: run as it is, and described by the program that it converts to."""

    def __init__(self, script: Any, example: Any) -> None:
        super().__init__(script, example)
        self.name = str(getattr(script, "original_name", "") or self.name)
        self._program: Any = None

    def _signature(self) -> inspect.Signature:
        schema = getattr(getattr(self._original, "forward", None), "schema", None)
        if schema is None:
            raise MeasurementError(f"the script {self.name} has no method forward")
        return inspect.Signature(
            [
                inspect.Parameter(
                    argument.name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    default=argument.default_value
                    if argument.has_default_value()
                    else inspect.Parameter.empty,
                )
                for argument in schema.arguments[1:]  # after the module itself
            ]
        )

    def _graph(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Graph:
        from zoodiff.frontends.torch.export import graph_of_call

        bound = self._signature().bind(*arguments, **keywords)
        names = list(bound.arguments)
        bound.apply_defaults()
        module = program_of_script(self._original, bound.args, self.name)
        if self._program is None:
            self._program = module
        graph = graph_of_call(module, bound.args, {}, self.name)
        return with_input_names(with_trained_weights(graph), names)

    def _stored(self) -> Any:
        return self._program
