"""The mini-zoo in PyTorch: SGD with momentum, shifted images, pixels standardised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoodiff.data import digits
from zoodiff.zoos.base import Network
from zoodiff.zoos.mini import common
from zoodiff.zoos.mini.catalogue import ARCHITECTURE
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.weights_access import counts_of_torch, of_torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.frontends.torch.protocols import Module
    from zoodiff.graph.ir import Graph

RECIPE = common.Recipe(
    framework="torch",
    optimiser="sgd, momentum 0.9",
    learning_rate=0.05,
    epochs=30,
    batch=32,
    seed=11,
    images=998,
    shifts=True,
)


def build() -> Any:
    """Return the network: two convolutions with batch norm, the second of stride 2, one linear."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def prepare(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return digits scaled to [0, 1] and standardised by the training images, channels first."""
    import numpy as np

    train = digits.load().train.images / 16.0
    scaled = (images / 16.0 - train.mean()) / train.std()
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=np.float32)


def train(recipe: common.Recipe, prepared: common.Prepare = prepare) -> common.Arrays:
    """Train from the recipe's seed, on one thread, and return the state."""
    import torch
    from torch import nn

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more threads sum in another order, which changes the weights
    torch.manual_seed(recipe.seed)
    module = build().train()
    if recipe.optimiser.startswith("sgd"):
        optimiser = torch.optim.SGD(module.parameters(), recipe.learning_rate, momentum=0.9)
    else:
        optimiser = torch.optim.Adam(module.parameters(), recipe.learning_rate)
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    for images, labels in common.batches(recipe, prepared):
        optimiser.zero_grad()
        loss_of(module(torch.from_numpy(images)), torch.from_numpy(labels)).backward()
        optimiser.step()
    torch.set_num_threads(threads)
    return {
        name: value.numpy()
        for name, value in module.state_dict().items()
        if value.is_floating_point()
    }


def load_state(module: Module, arrays: common.Arrays) -> Any:
    """Load trained arrays into a module; return the module in evaluation mode."""
    import torch

    state = {name: torch.from_numpy(value.copy()) for name, value in arrays.items()}
    counters = {name for name in module.state_dict() if name.endswith("num_batches_tracked")}
    missing, unexpected = module.load_state_dict(state, strict=False)
    if set(missing) - counters or unexpected:
        raise ValueError(f"the cached weights do not fit: {missing}, {unexpected}")
    return module.eval()


class Backend:
    """The worker side of ``mini-torch``."""

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the imported frameworks."""
        import torch

        return {"torch": torch.__version__}

    def models(self) -> Sequence[str]:
        """Return the only network."""
        return [ARCHITECTURE]

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph; its structure does not depend on the weights."""
        import torch

        from zoodiff.frontends.torch.export import to_graph

        common.check(model, weights)
        with torch.device("meta"):
            module = build()
        return to_graph(module, (1, 1, 8, 8), f"mini-torch:{model}")

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the module's own counts."""
        return counts_of_torch(build())

    def modes(self) -> Sequence[str]:
        """Return the modes: eager, or ``torch.compile``."""
        return modes.TORCH_FILES

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Train at first use, else read the cache; ``random`` initialises from ``seed``."""
        mode = modes.choose(mode, modes.TORCH_FILES, "mini-torch")
        with load_stages.stage(load_stages.IMPORT):
            import torch

        torch.set_num_threads(threads)
        trained = common.check(model, weights)
        torch.manual_seed(seed)
        with load_stages.stage(load_stages.BUILD):
            module, sha256 = build().eval(), None
        if trained:
            with load_stages.stage(load_stages.CHECKS):
                path = common.cached(RECIPE, self.versions(), lambda: train(RECIPE))
            with load_stages.stage(load_stages.WEIGHTS):
                arrays = common.read(path)
                module, sha256 = load_state(module, arrays), common.digest(arrays)
        with load_stages.stage(load_stages.COMPILE):
            forward = modes.torch_forward(module, mode)

        def call(batch: NDArray[np.float32]) -> Any:
            with torch.inference_mode():
                return forward(torch.from_numpy(batch)).numpy()

        return common.MiniNetwork(
            common.state(trained),
            sha256,
            (1, 1, 8, 8),
            "NCHW",
            call,
            prepare,
            lambda: of_torch(module),
            modes.torch_scope(mode),
        )
