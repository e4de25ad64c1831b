"""Sound TorchScript and programs of torch.export, of many kinds of networks for three classes."""

from __future__ import annotations

import enum
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

from support.security.sound import SOUND, Sound

CLASSES = 3


def _models() -> Any:
    from zoodiff.torch_compat import import_torchvision

    return import_torchvision().models


def resnet() -> Any:
    return _models().resnet18(num_classes=CLASSES)


def mobilenet() -> Any:
    return _models().mobilenet_v3_small(num_classes=CLASSES)


def googlenet() -> Any:
    return _models().googlenet(num_classes=CLASSES, init_weights=False)


def inception() -> Any:
    return _models().inception_v3(num_classes=CLASSES, init_weights=False)


def vit() -> Any:
    return _models().VisionTransformer(16, 8, 2, 2, 16, 32, num_classes=CLASSES)


def swin() -> Any:
    shape: dict[str, Any] = {"depths": [2, 2], "num_heads": [2, 2], "window_size": [2, 2]}
    return _models().SwinTransformer([4, 4], 24, num_classes=CLASSES, **shape)


def quantized(name: str = "resnet18") -> Any:
    import torch

    torch.backends.quantized.engine = "fbgemm"
    model = getattr(_models().quantization, name)
    return model(weights=None, quantize=True, num_classes=CLASSES)


def recurrent(kind: str = "LSTM") -> Any:
    import torch

    class Recurrent(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = getattr(torch.nn, kind)(8, 8, batch_first=True, bidirectional=True)
            self.head = torch.nn.Linear(16, CLASSES)

        def forward(self, x):
            found, _ = self.rnn(x.flatten(1)[:, :64].reshape(-1, 8, 8))
            return self.head(found.mean(1))

    return Recurrent()


def attention() -> Any:
    import torch

    class Attention(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
            self.encoder = torch.nn.TransformerEncoder(layer, 2)
            self.attention = torch.nn.MultiheadAttention(16, 2, batch_first=True)
            self.head = torch.nn.Linear(16, CLASSES)

        def forward(self, x):
            tokens = self.encoder(x.flatten(1)[:, :128].reshape(-1, 8, 16))
            tokens = self.attention(tokens, tokens, tokens)[0]
            return self.head(
                torch.nn.functional.scaled_dot_product_attention(tokens, tokens, tokens).mean(1)
            )

    return Attention()


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Answer(NamedTuple):
    scores: Any
    count: int


def language() -> Any:
    """Much of what TorchScript knows in one network, with names that operators have too."""
    import torch
    from torch import Tensor

    Answer.__annotations__["scores"] = Tensor

    class Part(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wait = 2.0

        def forward(self, x: Tensor) -> Tensor:
            return x * self.wait

        @torch.jit.export
        def owner(self, x: Tensor) -> Tensor:
            return x + 1

    class Language(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.save = torch.nn.Linear(3, CLASSES)
            self.part = Part()
            self.layers = torch.nn.ModuleList([torch.nn.ReLU(), torch.nn.Tanh()])
            self.named = torch.nn.ModuleDict({"a-b": torch.nn.ReLU(), "c/d e": torch.nn.ReLU()})
            self.color = Color.RED
            self.words = ["a", 'ü\n"q"']

        def forward(self, x: Tensor) -> Answer:
            y = self.save(x.mean((2, 3)))
            assert x.ndim == 4, f"odd shape {x.shape}"
            for layer in self.layers:
                y = layer(y)
            for name, layer in self.named.items():
                y = layer(y) + len(name)
            if self.color == Color.RED:
                y = y + self.color.value
            elif self.color.name == "BLUE":
                raise ValueError(f"bad {self.color}")
            with torch.no_grad():
                y = self.part.owner(self.part(y)) * self.part.wait
            kept: list[Tensor] = []
            while len(kept) < 3:
                kept.append(y)
                if bool(y.sum() > 1000):
                    break
            sizes = {"a": 1, "b": 2}
            maybe = torch.jit.annotate(Optional[Tensor], None)  # noqa: UP045
            if isinstance(maybe, Tensor):
                y = y + maybe
            for place, (word, size) in enumerate(zip(self.words, [1, 2])):  # noqa: B905
                if word.startswith("q") or "b" in word:
                    y = y + place * size + sizes["a"]
            text = "%d items" % 3  # noqa: UP031
            y = torch.stack(kept).sum(0) + y.T.mT.shape[0] + len(text) + sorted([2, 1])[0]
            return Answer(y.float().to(x.dtype), max(2, abs(-3)))

    return Language()


def dictionary() -> Any:
    import torch

    class Dictionary(torch.nn.Module):
        def forward(self, x):
            return {"logits": x.mean((2, 3)), "aux": x.amax((2, 3))}

    return Dictionary()


NETWORKS: dict[str, Callable[[], Any]] = {
    "resnet": resnet,
    "mobilenet": mobilenet,
    "googlenet": googlenet,
    "inception": inception,
    "vit": vit,
    "swin": swin,
    "lstm": recurrent,
    "gru": lambda: recurrent("GRU"),
    "attention": attention,
    "language": language,
    "dictionary": dictionary,
    "quantized_resnet": quantized,
    "quantized_googlenet": lambda: quantized("googlenet"),
    "quantized_shufflenet": lambda: quantized("shufflenet_v2_x0_5"),
}
SIZES = {
    "googlenet": 32,
    "inception": 96,
    "swin": 32,
    "quantized_googlenet": 64,
    "quantized_shufflenet": 64,
}
NOT_TRACED = {"language"}


def example(name: str) -> Any:
    import torch

    size = SIZES.get(name, 16)
    return torch.zeros(1, 3, size, size)


def scripted(network: Any, _: Any) -> Any:
    import torch

    return torch.jit.script(network)


def traced(network: Any, image: Any) -> Any:
    import torch

    return torch.jit.trace(network, image, check_trace=False, strict=False)


def frozen(network: Any, _: Any) -> Any:
    import torch

    return torch.jit.freeze(torch.jit.script(network))


WAYS: dict[str, Callable[[Any, Any], Any]] = {"script": scripted, "trace": traced, "freeze": frozen}


def cases() -> Iterator[tuple[str, str]]:
    """Every network in every way in which it becomes TorchScript."""
    for name in NETWORKS:
        yield from ((name, way) for way in WAYS if way != "trace" or name not in NOT_TRACED)


def write(name: str, way: str, path: Path, *, mobile: bool = False) -> Path:
    """Write a network of the list as TorchScript; ``mobile`` with the bytecode for phones."""
    import torch

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = WAYS[way](NETWORKS[name]().eval(), example(name))
        if mobile:
            module._save_for_lite_interpreter(str(path))
        else:
            torch.jit.save(module, path)
    return path


def export(name: str, path: Path, *, open_batch: bool) -> Path:
    """Write a network of the list as a program of torch.export."""
    import torch

    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    shapes = ({0: torch.export.Dim("batch", min=1, max=64)},) if open_batch else None
    image = example(name).repeat(2 if open_batch else 1, 1, 1, 1)
    torch.export.save(torch.export.export(network, (image,), dynamic_shapes=shapes), path)
    return path


def _keep(name: str, make: Callable[[Path], Path], size: int, *, allowed: bool) -> None:
    SOUND.setdefault(name, Sound(name, make, "torch", allowed=allowed, size=size))


def _script(name: str, way: str) -> None:
    def make(folder: Path) -> Path:
        return write(name, way, folder / "a.pt")

    _keep(f"{way}_of_{name}", make, SIZES.get(name, 16), allowed=True)


def _program(name: str) -> None:
    def make(folder: Path) -> Path:
        return export(name, folder / "a.pt2", open_batch=True)

    _keep(f"program_of_{name}", make, SIZES.get(name, 16), allowed=False)


for _name, _way in (
    ("resnet", "script"),
    ("resnet", "freeze"),
    ("mobilenet", "trace"),
    ("googlenet", "script"),
    ("inception", "script"),
    ("vit", "script"),
    ("vit", "trace"),
    ("swin", "script"),
    ("lstm", "script"),
    ("attention", "trace"),
    ("language", "script"),
    ("quantized_resnet", "script"),
):
    _script(_name, _way)
for _name in ("resnet", "vit"):
    _program(_name)
