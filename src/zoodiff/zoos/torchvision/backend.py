"""The worker side of the zoo ``torchvision``: builds, describes and runs its networks.

Published weights change the structure: GoogLeNet and Inception v3 get ``transform_input`` and keep
or lose their auxiliary heads, vision transformers change their image size. So a network is always
built by torchvision's own builder with the requested weights; only reading the file is skipped if
no values are needed.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from zoodiff.entry import RANDOM, did_you_mean
from zoodiff.errors import UnknownNameError, WeightsUnavailableError
from zoodiff.torch_compat import import_torchvision
from zoodiff.zoos import checkpoints
from zoodiff.zoos.base import Network, OwnRecipe, WeightsState
from zoodiff.zoos.digest import sha256_of
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.torch_network import TorchNetwork
from zoodiff.zoos.runtime.weights_access import counts_of_torch
from zoodiff.zoos.steady import steady

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

_SILENT_SECONDS = 10.0
"""Time without data after which a download counts as failed."""
_PUBLISHED = re.compile(r"-([0-9a-f]{8,64})\.")
"""The start of the sha256, which torchvision publishes in the names of its files."""


class Member(Protocol):
    """Published weights of a model, a member of torchvision's enum."""

    name: str
    url: str
    transforms: Callable[[], Any]

    def get_state_dict(self, *, progress: bool, check_hash: bool) -> object:
        """Fetch the file, unless it is in the cache, and return its content."""


class TorchvisionBackend:
    """torchvision's classification networks; raises ImportError without torch."""

    def __init__(self) -> None:
        self._torchvision = import_torchvision()
        self._last: tuple[tuple[str, str], Any] | None = None

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the imported frameworks."""
        import torch

        return {"torch": torch.__version__, "torchvision": self._torchvision.__version__}

    def models(self) -> Sequence[str]:
        """Return the classification networks of the installed torchvision, ordered by name."""
        models = self._torchvision.models
        return sorted(models.list_models(module=models))

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the network as torchvision builds it for these weights."""
        from zoodiff.frontends.torch.export import to_graph

        member = self._member(model, weights)
        module = self.structure(model, weights)
        member = None if isinstance(member, Path) else member
        return to_graph(module, (1, 3, *self._size(model, member)), f"torchvision:{model}")

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the module's own parameters, and the floating-point values in its buffers."""
        module = self.structure(model, weights)
        member = self._member(model, weights)
        return {
            **counts_of_torch(module),
            "sha256": sha256_of(member) if isinstance(member, Path) else None,
        }

    def structure(self, model: str, weights: str | None) -> Any:
        """Return the module on the meta device, in evaluation mode, without any values."""
        import torch

        member = self._member(model, weights)
        name = str(member) if isinstance(member, Path) else getattr(member, "name", RANDOM)
        key = (model, name)
        # A worker describes a network and then returns its facts.
        if self._last is None or self._last[0] != key:
            with self._without_files(), block_parameters_on_cpu(), torch.device("meta"):
                self._last = (key, self._build(model, member).eval())
        return self._last[1]

    def modes(self) -> Sequence[str]:
        """Return the modes: eager as in torchvision's examples, ``torch.compile``, and on CUDA."""
        return modes.TORCH_ANYWHERE

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Build with weights; random ones come from torchvision's initialisers and ``seed``.

        Raises WeightsUnavailableError if torch hub's loader cannot fetch the published weights or
        the file does not match the checksum in its name, MeasurementError if the mode compile finds
        no compiler.
        """
        import torch

        mode = modes.choose(mode, modes.TORCH_ANYWHERE, "torchvision")
        torch.set_num_threads(threads)
        member = self._member(model, weights)
        own = member if isinstance(member, Path) else None
        with load_stages.stage(load_stages.CHECKS):
            file = own if own or member is None else self._fetch(model, member)
        torch.manual_seed(seed)
        with load_stages.stage(load_stages.BUILD), self._weights_apart():
            module = self._build(model, member).eval()
        state: WeightsState = "random" if member is None else "published"
        sha256 = None
        if own is not None:
            member, state = None, "file"
            with contextlib.ExitStack() as stack:
                with load_stages.stage(load_stages.CHECKS):
                    sha256 = stack.enter_context(steady(own)).digest
                with load_stages.stage(load_stages.WEIGHTS):
                    tensors = checkpoints.read(own)
                    checkpoints.check(own, tensors, module.state_dict(), f"torchvision:{model}")
                    module.load_state_dict(tensors, strict=False)
        shape = (1, 3, *self._size(model, member))
        published = member or self._enum(model).DEFAULT
        with load_stages.stage(load_stages.COMPILE):
            forward = modes.torch_forward(module, mode)
        if file is not None and own is None:
            with load_stages.stage(load_stages.CHECKS):
                sha256 = sha256_of(file)
        return TorchNetwork(
            weights_state=state,
            weights_sha256=sha256,
            input_shape=shape,
            layout="NCHW",
            scope=modes.torch_scope(mode),
            _module=module,
            _forward=forward,
            _transform=partial(_transformed, published.transforms()),
        )

    def recipes(self, model: str, weights: str) -> Sequence[OwnRecipe]:
        """Return the transforms of published weights."""
        transform = self._member(model, weights).transforms()
        antialias = getattr(transform, "antialias", None)
        return [OwnRecipe(f"{transform!r} antialias={antialias}", "file", "NCHW")]

    def prepared(
        self, model: str, weights: str, processor: str, image: bytes | NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Return what the transforms make of an image that Pillow decodes, as ImageFolder does."""
        from zoodiff.preprocessing.with_pillow import Pillow

        assert isinstance(image, bytes)
        transform = self._member(model, weights).transforms()
        result: NDArray[np.float32] = transform(Pillow().decode(image, exif=False)).numpy()
        return result

    @contextlib.contextmanager
    def _weights_apart(self) -> Iterator[None]:
        """Count a builder's reading of weights as a separate load stage."""
        import torch

        api = importlib.import_module("torchvision.models._api")
        with load_stages.calls_are(
            load_stages.WEIGHTS,
            (api.WeightsEnum, "get_state_dict"),
            (torch.nn.Module, "load_state_dict"),
        ):
            yield

    def _build(self, model: str, member: Member | Path | None) -> Any:
        if isinstance(member, Path):
            classes = self._classes(model, member)
            return self._torchvision.models.get_model(model, weights=None, num_classes=classes)
        if member is None:
            # Initialising the weights of auxiliary heads is slow; one version warns about it.
            return self._torchvision.models.get_model(model, weights=None)
        return self._torchvision.models.get_model(model, weights=member)

    def _classes(self, model: str, file: Path) -> int:
        """Return the number of classes of a file, from the rows of the classifier."""
        import torch

        with block_parameters_on_cpu(), torch.device("meta"):
            usual = self._torchvision.models.get_model(model, weights=None).state_dict()
        tensors = checkpoints.read(file)
        rows = {
            int(tensors[key].shape[0])
            for key, value in usual.items()
            if key in tensors and value.ndim and value.shape[0] == 1000 and tensors[key].ndim
        }
        return rows.pop() if len(rows) == 1 else 1000

    def _enum(self, model: str) -> Any:
        if model not in self.models():
            hint = did_you_mean(model, self.models())
            raise UnknownNameError(f"no entry `torchvision:{model}`{hint}")
        return self._torchvision.models.get_model_weights(model)

    def _member(self, model: str, weights: str | None) -> Any:
        """Return the member of the weights enum, or a file's path; None for random weights."""
        enum = self._enum(model)
        if weights == RANDOM:
            return None
        if weights is None:
            return enum.DEFAULT
        if checkpoints.is_checkpoint(weights):
            return Path(weights)
        try:
            return enum[weights]
        except KeyError:
            names = [member.name for member in enum]
            hint = did_you_mean(weights, names) or f"; there are {', '.join([*names, RANDOM])}"
            raise UnknownNameError(
                f'torchvision:{model} has no weights "{weights}"{hint}'
            ) from None

    def _size(self, model: str, member: Member | None) -> tuple[int, int]:
        crop = (member or self._enum(model).DEFAULT).transforms().crop_size
        height, width = (crop * 2)[:2]
        return int(height), int(width)

    @contextlib.contextmanager
    def _without_files(self) -> Iterator[None]:
        """Let a builder build for published weights without reading their file."""
        import torch

        api = importlib.import_module("torchvision.models._api")
        read, put = api.WeightsEnum.get_state_dict, torch.nn.Module.load_state_dict
        api.WeightsEnum.get_state_dict = lambda self, *args, **kwargs: {}
        torch.nn.Module.load_state_dict = lambda self, *args, **kwargs: None
        try:
            yield
        finally:
            api.WeightsEnum.get_state_dict = read
            torch.nn.Module.load_state_dict = put

    def _fetch(self, model: str, member: Member) -> Path:
        """Fetch the published file with torch hub into its cache, check it, and return it."""
        import torch

        path = Path(torch.hub.get_dir()) / "checkpoints" / Path(member.url).name
        published = _PUBLISHED.search(path.name)
        # torch hub checks a file only when it downloads it.
        if path.is_file() and published and not sha256_of(path).startswith(published[1]):
            raise WeightsUnavailableError(
                f"{path} is not the file that torchvision publishes: its sha256 does not begin "
                f"with {published[1]}; delete it and try again"
            )
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(_SILENT_SECONDS)
        try:
            member.get_state_dict(progress=False, check_hash=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise WeightsUnavailableError(
                f"the weights {member.name} of torchvision:{model} cannot be had from {member.url} "
                f"({' '.join(str(error).split())[:200]}); use @random, or try again with a network"
            ) from error
        finally:
            socket.setdefaulttimeout(before)
        return path


def _transformed(transform: Callable[[Any], Any], images: NDArray[np.uint8]) -> Any:
    """Images (batch, height, width, 3) as torchvision's transforms prepare them."""
    import torch

    return transform(torch.from_numpy(images.copy()).permute(0, 3, 1, 2))


@contextlib.contextmanager
def block_parameters_on_cpu() -> Iterator[None]:
    """Let RegNet be built on the meta device.

    Its builder computes widths and depths with tensors and reads them with ``tolist``, which meta
    tensors do not support. These numbers are computed on the CPU; the network stays on the meta
    device.
    """
    import torch

    regnet = importlib.import_module("torchvision.models.regnet")
    original = regnet.BlockParams.__dict__["from_init_params"]

    def on_cpu(cls: type[Any], /, *args: object, **kwargs: object) -> Any:
        with torch.device("cpu"):
            return original.__func__(cls, *args, **kwargs)

    regnet.BlockParams.from_init_params = classmethod(on_cpu)
    try:
        yield
    finally:
        regnet.BlockParams.from_init_params = original
