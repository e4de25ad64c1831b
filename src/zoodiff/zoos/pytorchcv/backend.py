"""The worker side of the zoo ``pytorchcv``: builds, describes and runs its networks.

pytorchcv's own loader unpickles its files; here they are fetched, checked and scanned first, and
only tensors are unpickled.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.entry import RANDOM, did_you_mean
from zoodiff.errors import MeasurementError, UnknownNameError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.torch_compat import import_torchvision
from zoodiff.zoos import checkpoints
from zoodiff.zoos.base import Model, Network, WeightsState
from zoodiff.zoos.digest import sha256_of
from zoodiff.zoos.pytorchcv.catalogue import VERSION, ZOO, published
from zoodiff.zoos.pytorchcv.published import fetch
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.torch_network import TorchNetwork
from zoodiff.zoos.runtime.weights_access import counts_of_torch
from zoodiff.zoos.steady import steady

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph


class PytorchcvBackend:
    """pytorchcv's classifiers; raises ImportError without pytorchcv."""

    def __init__(self) -> None:
        self._torchvision = import_torchvision()
        self._package = importlib.import_module("pytorchcv")
        self._provider = importlib.import_module("pytorchcv.model_provider")
        self._catalogue = {model.name: model for model in ZOO.models()}
        self._last: tuple[tuple[str, int | None], Any] | None = None
        self._tables: dict[str, NDArray[np.generic]] = {}
        """Buffers of whole numbers of the last network, which its modules compute themselves."""

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the imported frameworks."""
        import torch

        return {
            "torch": torch.__version__,
            "torchvision": self._torchvision.__version__,
            "pytorchcv": self._package.__version__,
        }

    def models(self) -> Sequence[str]:
        """Return the models of the installed pytorchcv that are in the catalogue, by name."""
        return sorted(self._catalogue.keys() & self._provider._models.keys())

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the network as pytorchcv builds it.

        Tables of whole numbers that come with the weights are unknown, unless these are random.
        Raises MeasurementError where it cannot be built without values or cannot be traced.
        """
        from zoodiff.frontends.torch.export import to_graph

        known = self._known(model)
        module = self.structure(model, weights)
        tables = self._tables
        if weights != RANDOM and (weights or known.weights):
            tables = {name: tables[name] for name in tables.keys() - module.state_dict().keys()}
        return to_graph(module, (1, *known.input_shape), self._of(model), tables)

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the module's own parameters, and the floating-point values in its buffers."""
        file = self._file(self._known(model), weights)
        module = self.structure(model, weights)
        return {**counts_of_torch(module), "sha256": sha256_of(file) if file else None}

    def structure(self, model: str, weights: str | None) -> Any:
        """Return the module on the meta device, in evaluation mode, without any values."""
        import torch

        known = self._known(model)
        file = self._file(known, weights)
        classes = self._classes(known, file) if file else None
        # A worker asks for the graph and then for the facts of the same network.
        if self._last is None or self._last[0] != (model, classes):
            try:
                with torch.device("meta"):
                    module = self._build(model, classes)
            except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
                reason = " ".join(str(error).split())[:160]
                raise MeasurementError(
                    f"pytorchcv cannot build {self._of(model)} without values in its weights "
                    f"({reason})"
                ) from error
            # Some modules put their tables on the CPU wherever they are built.
            self._tables = {
                name: buffer.numpy()
                for name, buffer in module.named_buffers()
                if not buffer.is_meta and not buffer.is_floating_point()
            }
            self._last = ((model, classes), module.to("meta"))
        return self._last[1]

    def modes(self) -> Sequence[str]:
        """Return the modes: eager, ``torch.compile``, and on CUDA."""
        return modes.TORCH_ANYWHERE

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Build with weights; random ones come from pytorchcv's initialisers and ``seed``.

        Raises WeightsUnavailableError where the published weights cannot be had or are not those of
        the catalogue, RefusedError where they are a pickle that names more than tensors,
        MeasurementError where the mode compile finds no compiler.
        """
        import torch

        mode = modes.choose(mode, modes.TORCH_ANYWHERE, "pytorchcv")
        torch.set_num_threads(threads)
        known = self._known(model)
        own = self._file(known, weights)
        file = own
        with load_stages.stage(load_stages.CHECKS):
            classes = self._classes(known, own) if own else None
            if own is None and weights != RANDOM and known.weights:
                file = fetch(published()[model])
        torch.manual_seed(seed)
        with load_stages.stage(load_stages.BUILD):
            module = self._build(model, classes)
        state: WeightsState = "random"
        sha256 = None
        if file is not None:
            state = "file" if own else "published"
            sha256 = self._put(module, file, model, others=own is None)
        with load_stages.stage(load_stages.COMPILE):
            forward = modes.torch_forward(module, mode)
        return TorchNetwork(
            weights_state=state,
            weights_sha256=sha256,
            input_shape=(1, *known.input_shape),
            layout="NCHW",
            scope=modes.torch_scope(mode),
            _module=module,
            _forward=forward,
            _transform=partial(_transformed, self._transform(known)),
        )

    def _build(self, model: str, classes: int | None = None) -> Any:
        """Build a network in evaluation mode, without reading any file."""
        more = {} if classes is None else {"num_classes": classes}
        return self._provider.get_model(model, pretrained=False, **more).eval()

    def _put(self, module: Any, file: Path, model: str, *, others: bool) -> str:
        """Put the weights of a file into a module; return the file's sha256.

        ``others`` says that tensors which the module does not have are left out, as pytorchcv does
        with its own files.
        """
        with contextlib.ExitStack() as stack:
            with load_stages.stage(load_stages.CHECKS):
                digest: str = stack.enter_context(steady(file)).digest
            with load_stages.stage(load_stages.WEIGHTS):
                expected = module.state_dict()
                state = checkpoints.read(file)
                if others:
                    state = {name: state[name] for name in state if name in expected}
                checkpoints.check(file, state, expected, self._of(model))
                module.load_state_dict(state, strict=False)
        return digest

    def _transform(self, known: Model) -> Callable[[Any], Any]:
        """Return torchvision's transforms of the published preprocessing, for one image."""
        return partial(_prepared, known.preprocessing, self._of(known.name))

    def _of(self, model: str) -> str:
        return f"pytorchcv:{model}"

    def _known(self, model: str) -> Model:
        """Return a model of the catalogue.

        Raises MeasurementError where the installed pytorchcv does not have it.
        """
        if model not in self._catalogue:
            raise UnknownNameError(
                f"no entry `{self._of(model)}`{did_you_mean(model, self.models())}"
            )
        if model not in self._provider._models:
            raise MeasurementError(
                f"pytorchcv {self._package.__version__} has no {model}; the catalogue is that of "
                f"pytorchcv {VERSION}: install that version"
            )
        return self._catalogue[model]

    def _file(self, known: Model, weights: str | None) -> Path | None:
        """Return the file that weights name; None for published and random weights.

        Raises UnknownNameError for weights that the model does not have.
        """
        names = [each.name for each in known.weights]
        if weights is None or weights in (RANDOM, *names):
            return None
        if checkpoints.is_checkpoint(weights):
            return Path(weights)
        hint = did_you_mean(weights, names) or f"; there are {', '.join([*names, RANDOM])}"
        raise UnknownNameError(f'{self._of(known.name)} has no weights "{weights}"{hint}')

    def _classes(self, known: Model, file: Path) -> int | None:
        """Return the number of classes of a file, from the rows of the classifier; None if open."""
        import torch

        with torch.device("meta"):
            usual = self._build(known.name).state_dict()
        state = checkpoints.read(file)
        rows = {
            int(state[key].shape[0])
            for key, value in usual.items()
            if key in state
            and value.ndim
            and value.shape[0] == known.labels.classes
            and state[key].ndim
        }
        return rows.pop() if len(rows) == 1 else None


def _prepared(spec: Preprocessing, name: str, image: Any) -> Any:
    """Return the network's input for a Pillow image, by torchvision's transforms.

    Raises MeasurementError where pytorchcv does not publish the whole preprocessing.
    """
    if spec.published != "yes":
        raise MeasurementError(
            f"pytorchcv does not publish the preprocessing of {name}; give one of your own"
        )
    transforms = importlib.import_module("torchvision.transforms")
    return transforms.Compose(
        [
            transforms.Resize(spec.resize),
            transforms.CenterCrop(spec.input_size),
            transforms.ToTensor(),
            transforms.Normalize(spec.mean, spec.std),
        ]
    )(image)


def _transformed(transform: Callable[[Any], Any], images: NDArray[np.uint8]) -> Any:
    """Return images (batch, height, width, 3) as a transform prepares each of them."""
    import torch
    from PIL import Image

    return torch.stack([transform(Image.fromarray(image)) for image in images])
