"""Nothing that PyTorch writes of an honest network is refused by the look at its code."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import pytest

from support.security.sound_scripts import (
    cases,
    example,
    export,
    quantized,
    recurrent,
    resnet,
    write,
)
from zoodiff.zoos.scan.torch import program, script

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(("name", "way"), list(cases()))
def test_torchscript_is_let_through(name: str, way: str, tmp_path: Path) -> None:
    script.check(write(name, way, tmp_path / "a.pt"))


@pytest.mark.parametrize("name", ["resnet", "quantized_resnet"])
def test_files_with_bytecode_for_phones_are_let_through(name: str, tmp_path: Path) -> None:
    path = write(name, "script", tmp_path / "a.ptl", mobile=True)
    with zipfile.ZipFile(path) as opened:
        assert any(member.endswith("/bytecode.pkl") for member in opened.namelist())
    script.check(path)


def test_dynamically_quantized_networks_are_let_through(tmp_path: Path) -> None:
    import torch

    kinds = {torch.nn.LSTM, torch.nn.Linear}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.ao.quantization.quantize_dynamic(recurrent(), kinds)
        torch.jit.save(torch.jit.script(module), tmp_path / "a.pt")
    script.check(tmp_path / "a.pt")


def test_hooks_and_extra_files_are_let_through(tmp_path: Path) -> None:
    import torch
    from torch import Tensor

    class Hooked(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3))

    def hook(self, given: tuple[Tensor], found: Tensor) -> Tensor:
        return found + 1

    module = Hooked()
    module.register_forward_hook(hook)
    torch.jit.save(torch.jit.script(module), tmp_path / "a.pt", _extra_files={"a/ü.json": b"{}"})
    script.check(tmp_path / "a.pt")


@pytest.mark.parametrize("open_batch", [False, True])
@pytest.mark.parametrize("name", ["resnet", "mobilenet", "vit", "swin", "attention", "dictionary"])
def test_programs_are_let_through(name: str, open_batch: bool, tmp_path: Path) -> None:
    program.check(export(name, tmp_path / "a.pt2", open_batch=open_batch))


def test_a_program_with_branches_is_let_through(tmp_path: Path) -> None:
    import torch

    class Branches(torch.nn.Module):
        def forward(self, x):
            with torch.no_grad():
                y = x.mean((2, 3))
            return torch.cond(y.sum() > 0, lambda z: z.sin(), lambda z: z.cos(), (y,))

    made = torch.export.export(Branches(), (example("resnet"),))
    torch.export.save(made, tmp_path / "a.pt2", extra_files={"a.txt": "text"})
    program.check(tmp_path / "a.pt2")


def test_a_program_of_the_form_before_pytorch_2_8_is_let_through(tmp_path: Path) -> None:
    """Written by zipfile, without a folder, and weights as one checkpoint."""
    import torch
    from torch._export.serde.serialize import serialize

    made = serialize(torch.export.export(resnet().eval(), (example("resnet"),)))
    with zipfile.ZipFile(tmp_path / "a.pt2", "w") as target:
        target.writestr("serialized_exported_program.json", made.exported_program)
        target.writestr("serialized_state_dict.pt", made.state_dict)
        target.writestr("serialized_constants.pt", made.constants)
        target.writestr("serialized_example_inputs.pt", made.example_inputs)
        target.writestr("version", "8.8")
    program.check(tmp_path / "a.pt2")
    assert torch.export.load(tmp_path / "a.pt2").graph


def test_what_the_optimizer_makes_is_refused_as_pytorch_cannot_load_it_either(
    tmp_path: Path,
) -> None:
    """torch.jit.optimize_for_inference writes convolutions in a form that has no file."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.optimize_for_inference(torch.jit.script(resnet().eval()))
        torch.jit.save(module, tmp_path / "a.pt")
        module = torch.jit.optimize_for_inference(torch.jit.script(quantized().eval()))
        torch.jit.save(module, tmp_path / "b.pt")
    script.check(tmp_path / "b.pt")
    with pytest.raises(RuntimeError, match="attribute 'value' is undefined"):
        torch.jit.load(tmp_path / "a.pt")


@pytest.mark.slow
def test_all_classifiers_of_torchvision_are_let_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from zoodiff.torch_compat import import_torchvision

    models = import_torchvision().models
    for name in [n for n in dir(torch.nn.init) if n.endswith("_") and n[0] != "_"]:
        monkeypatch.setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)
    names = models.list_models(module=models)
    assert len(names) >= 80
    for name in names:
        options = {"init_weights": False} if name in {"googlenet", "inception_v3"} else {}
        module = models.get_model(name, weights=None, **options).eval()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.save(torch.jit.script(module).to("meta"), tmp_path / "a.pt")
        script.check(tmp_path / "a.pt")
