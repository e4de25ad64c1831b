"""The worker side of the zoo ``timm``: builds, describes and runs timm's networks."""

from __future__ import annotations

import contextlib
import importlib
import logging
import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.entry import RANDOM, did_you_mean
from zoodiff.errors import MeasurementError, UnknownNameError, WeightsUnavailableError
from zoodiff.torch_compat import import_torchvision
from zoodiff.zoos import checkpoints
from zoodiff.zoos.base import Network, OwnRecipe, WeightsState
from zoodiff.zoos.digest import sha256_of
from zoodiff.zoos.runtime import hub, load_stages, modes
from zoodiff.zoos.runtime.torch_network import TorchNetwork
from zoodiff.zoos.runtime.weights_access import counts_of_torch
from zoodiff.zoos.steady import steady
from zoodiff.zoos.timm.catalogue import HUB, ZOO, published
from zoodiff.zoos.timm.index_tables import index_tables

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

_FILE = "model.safetensors"
"""What timm itself takes first of a repository, and the only file that zoodiff takes."""
_PUBLISHED = re.compile(r"-([0-9a-f]{8,64})\.")
"""The start of the sha256, which timm publishes in the names of files that are not on the hub."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


class TimmBackend:
    """timm's networks; raises ImportError without timm."""

    def __init__(self) -> None:
        self._torchvision = import_torchvision()
        self._timm = importlib.import_module("timm")
        self._catalogue = {model.name: model for model in ZOO.models()}
        self._last: tuple[tuple[str, str], Any] | None = None

    def versions(self) -> Mapping[str, str]:
        """Versions of the frameworks that are really imported."""
        import torch

        return {
            "torch": torch.__version__,
            "torchvision": self._torchvision.__version__,
            "timm": self._timm.__version__,
        }

    def models(self) -> Sequence[str]:
        """All architectures of the installed timm, ordered by name."""
        return sorted(self._timm.list_models())

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the network as timm builds it for these weights.

        Raises MeasurementError where it cannot be built without values or cannot be traced.
        """
        from zoodiff.frontends.torch.export import to_graph

        module = self.structure(model, weights)
        shape = (1, *_input_size(module))
        return to_graph(module, shape, f"timm:{model}", index_tables(module))

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the module's own parameters, and the floating-point values in its buffers."""
        file = self._file(model, weights)
        module = self.structure(model, weights)
        return {**counts_of_torch(module), "sha256": sha256_of(file) if file else None}

    def structure(self, model: str, weights: str | None) -> Any:
        """Return the module on the meta device, in evaluation mode, without any values."""
        import torch

        file = self._file(model, weights)
        tag = str(file) if file else self._tag(model, weights)
        # A worker asks for the graph and then for the facts of the same network.
        if self._last is None or self._last[0] != (model, tag):
            classes = self._classes(model, file) if file else None
            try:
                with torch.device("meta"):
                    module = self._build(model, "" if file else tag, classes)
            except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
                reason = " ".join(str(error).split())[:160]
                raise MeasurementError(
                    f"timm cannot build timm:{model} without values in its weights ({reason})"
                ) from error
            self._last = ((model, tag), module)
        return self._last[1]

    def modes(self) -> Sequence[str]:
        """Eagerly, as timm's own examples do, or by ``torch.compile``, or on CUDA."""
        return modes.TORCH_ANYWHERE

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Build with weights; random ones come from timm's initialisers and ``seed``.

        Raises WeightsUnavailableError where the published weights cannot be had, RefusedError
        where they are a pickle that names more than tensors, MeasurementError where the mode
        compile finds no compiler.
        """
        import torch

        mode = modes.choose(mode, modes.TORCH_ANYWHERE, "timm")
        torch.set_num_threads(threads)
        file = self._file(model, weights)
        tag = "" if file else self._tag(model, weights)
        wanted = not file and weights != RANDOM and bool(tag)
        with load_stages.stage(load_stages.CHECKS):
            classes = self._classes(model, file) if file else None
            fetched = self._fetch(model, tag) if wanted else None
        torch.manual_seed(seed)
        builder = importlib.import_module("timm.models._builder")
        with (
            load_stages.stage(load_stages.BUILD),
            load_stages.calls_are(load_stages.WEIGHTS, (builder, "load_pretrained")),
        ):
            module = self._build(model, tag, classes, fetched)
        state: WeightsState = "published" if fetched else "file" if file else "random"
        sha256 = self._put(module, file, model) if file else None
        with load_stages.stage(load_stages.COMPILE):
            forward = modes.torch_forward(module, mode)
        with load_stages.stage(load_stages.CHECKS):
            sha256 = sha256_of(fetched) if fetched else sha256
        return TorchNetwork(
            weights_state=state,
            weights_sha256=sha256,
            input_shape=(1, *_input_size(module)),
            layout="NCHW",
            scope=modes.torch_scope(mode),
            _module=module,
            _forward=forward,
            _transform=self._transform(module),
        )

    def _build(
        self, model: str, tag: str, classes: int | None = None, file: Path | None = None
    ) -> Any:
        """Build a network in evaluation mode, with the weights of a file that was looked at."""
        more: dict[str, Any] = {}
        if classes is not None:
            more["num_classes"] = classes
        if file is not None:
            more["pretrained_cfg_overlay"] = {"file": str(file), "custom_load": False}
        name = f"{model}.{tag}" if tag else model
        return self._timm.create_model(name, pretrained=file is not None, **more).eval()

    def _put(self, module: Any, file: Path, model: str) -> str:
        """Put the weights of an untrusted file into a module; return the file's sha256."""
        with contextlib.ExitStack() as stack:
            with load_stages.stage(load_stages.CHECKS):
                digest: str = stack.enter_context(steady(file)).digest
            with load_stages.stage(load_stages.WEIGHTS):
                state = checkpoints.read(file)
                checkpoints.check(file, state, module.state_dict(), f"timm:{model}")
                module.load_state_dict(state, strict=False)
        return digest

    def recipes(self, model: str, weights: str) -> Sequence[OwnRecipe]:
        """Return the evaluation transforms that ``timm.data.create_transform`` makes of a tag."""
        return [OwnRecipe(repr(sorted(self._data_config(model, weights).items())), "file", "NCHW")]

    def prepared(
        self, model: str, weights: str, processor: str, image: bytes | NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Return what the transforms make of an image that Pillow decodes, as timm's readers do."""
        from zoodiff.preprocessing.with_pillow import Pillow

        assert isinstance(image, bytes)
        data = importlib.import_module("timm.data")
        transform = data.create_transform(**self._data_config(model, weights), is_training=False)
        result: NDArray[np.float32] = transform(Pillow().decode(image, exif=False)).numpy()
        return result

    def _data_config(self, model: str, weights: str) -> dict[str, Any]:
        """Return the data configuration of a tag."""
        self._known(model)
        data = importlib.import_module("timm.data")
        registry = importlib.import_module("timm.models._registry")
        config = registry.get_pretrained_cfg(f"{model}.{self._tag(model, weights)}")
        resolved: dict[str, Any] = data.resolve_data_config({}, pretrained_cfg=config.to_dict())
        return resolved

    def _transform(self, module: Any) -> Any:
        """Return the evaluation transforms of a network, for an array of images."""
        data = importlib.import_module("timm.data")
        config = data.resolve_data_config({}, pretrained_cfg=module.pretrained_cfg)
        one_image = data.create_transform(**config, is_training=False)

        def transform(images: NDArray[np.uint8]) -> Any:
            import torch
            from PIL import Image

            return torch.stack([one_image(Image.fromarray(image)) for image in images])

        return transform

    def _file(self, model: str, weights: str | None) -> Path | None:
        """The file that weights name, where they name one."""
        self._known(model)
        return Path(weights) if weights and checkpoints.is_checkpoint(weights) else None

    def _known(self, model: str) -> None:
        """Raise UnknownNameError or MeasurementError for a model that timm does not have."""
        if self._timm.is_model(model):
            return
        if model in self._catalogue:
            raise MeasurementError(
                f"timm {self._timm.__version__} has no {model}; the catalogue is that of timm "
                f"{published().version}: install that version"
            )
        raise UnknownNameError(f"no entry `timm:{model}`{did_you_mean(model, self.models())}")

    def _tag(self, model: str, weights: str | None) -> str:
        """The tag that weights mean, timm's default for None; empty for random weights."""
        if weights == RANDOM:
            return ""
        registry = importlib.import_module("timm.models._registry")
        tags = registry._model_default_cfgs[model]
        if weights is None:
            return str(tags.tags[0]) if tags.default.has_weights else ""
        if weights in tags.cfgs:
            return weights
        names = [tag for tag, config in tags.cfgs.items() if config.has_weights]
        hint = did_you_mean(weights, names) or f"; there are {', '.join([*names, RANDOM])}"
        raise UnknownNameError(f'timm:{model} has no weights "{weights}"{hint}')

    def _classes(self, model: str, file: Path) -> int | None:
        """Return the number of classes of a file, from the rows of the classifier; None if open."""
        import torch

        with torch.device("meta"):
            module = self._build(model, "")
        names = module.pretrained_cfg.get("classifier") or ()
        names = (names,) if isinstance(names, str) else names
        state = checkpoints.read(file)
        keys = [key for name in names for key in (f"{name}.weight",) if key in state]
        rows = {int(state[key].shape[0]) for key in keys if state[key].ndim}
        return rows.pop() if len(rows) == 1 else None

    def _fetch(self, model: str, tag: str) -> Path:
        """Have timm's published file in its cache, checked; return the file."""
        registry = importlib.import_module("timm.models._registry")
        config = registry.get_pretrained_cfg(f"{model}.{tag}")
        name = f"timm:{model}@{tag}"
        where = f"{HUB}{config.hf_hub_id}" if config.hf_hub_id else str(config.url)
        try:
            if config.hf_hub_id:
                path = _from_hub(config.hf_hub_id)
            else:
                path = _from_address(str(config.url))
        except WeightsUnavailableError:
            raise
        except Exception as error:  # the hub's client raises many kinds
            reason = " ".join(str(error).split())[:160]
            raise WeightsUnavailableError(
                f"the weights of {name} cannot be had from {where} "
                f"({type(error).__name__}: {reason}); use @random, or try again with a network"
            ) from None
        checkpoints.scan(path)
        return path


def _from_hub(repository: str) -> Path:
    """Return the safetensors file of a repository; raise WeightsUnavailableError without one."""
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        path = hub.fetch(repository, _FILE)
    except LocalEntryNotFoundError:
        raise
    except EntryNotFoundError:
        raise WeightsUnavailableError(
            f"{HUB}{repository} has no {_FILE}; its other files are pickles, which zoodiff does "
            "not load for timm"
        ) from None
    stored = path.resolve().name  # the hub's cache calls a large file by its sha256
    if _SHA256.fullmatch(stored) and sha256_of(path) != stored:
        raise WeightsUnavailableError(
            f"{path} is not the file that the hub sent: its sha256 is not {stored}; delete it and "
            "try again"
        )
    return path


def _from_address(url: str) -> Path:
    """Return a file that timm keeps in torch hub's cache, checked where its name has a checksum."""
    timm_hub = importlib.import_module("timm.models._hub")
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(hub.SECONDS)
    try:
        path = Path(timm_hub.download_cached_file(url, check_hash=True))
    finally:
        socket.setdefaulttimeout(before)
    digits = _PUBLISHED.search(path.name)
    if digits and not sha256_of(path).startswith(digits[1]):
        raise WeightsUnavailableError(
            f"{path} is not the file that timm publishes: its sha256 does not begin with "
            f"{digits[1]}; delete it and try again"
        )
    return path


def _input_size(module: Any) -> tuple[int, int, int]:
    channels, height, width = module.pretrained_cfg["input_size"]
    return int(channels), int(height), int(width)


logging.getLogger("timm").setLevel(logging.ERROR)
