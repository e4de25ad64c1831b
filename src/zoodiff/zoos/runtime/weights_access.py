"""Read and replace the weights of a loaded network, by their names in its graph.

One class serves all backends. Tensors are read one at a time, on demand, so that a large network is
not in memory twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoodiff.frontends.keras.functional import Shapes
    from zoodiff.frontends.keras.protocols import Model
    from zoodiff.frontends.tensorflow.protocols import TfSession, TfVariable
    from zoodiff.frontends.torch.protocols import Module


class WeightsAccess(Mapping[str, "NDArray[Any]"]):
    """Weights by name, in the framework's layout; ``shapes`` lists them."""

    def __init__(
        self,
        shapes: Mapping[str, Sequence[int]],
        read: Callable[[str], NDArray[Any]],
        write: Callable[[Mapping[str, NDArray[Any]]], None],
    ) -> None:
        self.shapes = {name: tuple(int(n) for n in shape) for name, shape in shapes.items()}
        self._read, self._write = read, write

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.shapes:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Replace weights by name; the others keep their values.

        Raises MeasurementError for an unknown name or a shape that does not fit, before anything is
        changed.
        """
        for name, array in weights.items():
            known = self.shapes.get(name)
            if known is None:
                raise MeasurementError(
                    f"the network has no weight {name}; take the names from its graph"
                )
            if known != tuple(array.shape):
                raise MeasurementError(
                    f"the weight {name} has the shape {known}, not {tuple(array.shape)}"
                )
        self._write(weights)


def read_only(access: WeightsAccess, reason: str) -> WeightsAccess:
    """Return weights that can be read only; ``assign`` raises MeasurementError with the reason."""

    def refuse(weights: Mapping[str, NDArray[Any]]) -> None:
        raise MeasurementError(reason)

    return WeightsAccess(access.shapes, access.__getitem__, refuse)


def of_torch(module: Module) -> WeightsAccess:
    """Return the floating-point parameters and buffers of a PyTorch module, by name."""
    import torch

    own = dict(module.named_parameters()) | dict(module.named_buffers())
    own = {name: tensor.detach() for name, tensor in own.items() if tensor.is_floating_point()}

    def write(weights: Mapping[str, NDArray[Any]]) -> None:
        import numpy as np

        for name, array in weights.items():
            # A copy, because PyTorch accepts only writable memory.
            own[name].copy_(torch.from_numpy(np.array(array)))

    def read(name: str) -> NDArray[Any]:
        copied: NDArray[Any] = own[name].cpu().numpy().copy()
        return copied

    return WeightsAccess({name: tensor.shape for name, tensor in own.items()}, read, write)


def counts_of_torch(module: Module) -> dict[str, int]:
    """Return the numbers of a PyTorch module's parameters and of floating-point buffer values."""
    return {
        "parameters": sum(p.numel() for p in module.parameters()),
        "statistics": sum(b.numel() for b in module.buffers() if b.is_floating_point()),
    }


def of_keras(model: Model, input_shape: Shapes = None) -> WeightsAccess:
    """Return the variables of a Keras model, by their names in its graph for these inputs."""
    import numpy as np

    from zoodiff.frontends.keras.functional import named_variables

    own = named_variables(model, input_shape)

    def write(weights: Mapping[str, NDArray[Any]]) -> None:
        for name, array in weights.items():
            own[name].assign(np.asarray(array, dtype=own[name].dtype))

    return WeightsAccess(
        {name: variable.shape for name, variable in own.items()},
        lambda name: np.array(own[name]),
        write,
    )


def of_tensorflow(
    variables: Sequence[TfVariable], session: TfSession | None = None
) -> WeightsAccess:
    """Return TensorFlow's variables, by their names in the graph; ``session`` is for TF 1."""
    import numpy as np

    from zoodiff.frontends.tensorflow.graph import variable_parameters

    names = variable_parameters(variables)
    own = {p.name: variable for p, variable in zip(names, variables, strict=True)}

    def read(name: str) -> NDArray[Any]:
        value = own[name].numpy() if session is None else session.run(own[name])
        return np.array(value)

    def write(weights: Mapping[str, NDArray[Any]]) -> None:
        for name, array in weights.items():
            value = np.asarray(array, dtype=own[name].dtype.base_dtype.as_numpy_dtype)
            if session is None:
                own[name].assign(value)
            else:  # feeding the initialiser adds nothing to the graph
                start = own[name].initializer
                session.run(start, {start.inputs[1]: value})

    return WeightsAccess({p.name: p.shape for p in names}, read, write)
