"""Changed default weights: the table against the catalogues, and how sources are read."""

from __future__ import annotations

import runpy
import textwrap
from pathlib import Path
from typing import Any

import pytest

import zoodiff
from zoodiff.zoos import registry
from zoodiff.zoos.names import default_weights

TOOL = runpy.run_path(str(Path(__file__).parents[3] / "tools" / "default_weights.py"))


def test_the_last_change_leads_to_the_default_of_the_catalogue() -> None:
    """The catalogues are of newer versions than the last that was read, so they may not differ."""
    compared = 0
    for (zoo, name), changes in default_weights.by_model().items():
        model = registry.models(zoo).get(name)
        if model is None or model.default_weights is None:
            continue
        known = {weights.name for weights in model.weights}
        last = changes[-1].after.partition(" ")[0]
        if last in known:
            assert last == model.default_weights.name, name
            compared += 1
    assert compared > 30


def test_torchvision_changed_resnet50_with_the_multi_weight_api() -> None:
    (change,) = default_weights.by_model()["torchvision", "resnet50"]
    assert (change.from_version, change.to_version) == ("0.12.0", "0.13.1")
    assert change.before == "pretrained=True (resnet50-0676ba61.pth)"
    assert change.after.startswith("IMAGENET1K_V2 ")
    assert change.source == "torchvision 0.13.1, torchvision/models/resnet.py"


def test_a_changed_default_is_a_finding_about_its_name() -> None:
    report = zoodiff.names(["resnet50"], zoos=["torchvision", "timm"])
    changed = [finding for finding in report.findings if finding.code == "NAM104"]
    assert {finding.entries[0].partition("@")[0] for finding in changed} == {
        "torchvision:resnet50",
        "timm:resnet50",
    }


@pytest.mark.parametrize(
    ("first", "second", "differ"),
    [
        (("V1", "a-11111111.pth"), ("V2", "a-22222222.pth"), True),
        (("V1", "a-11111111.pth"), ("V1", "a-22222222.pth"), False),
        (("", "ECANet_D_833caf58.pth"), ("", "ecanet_d-93c81e3b.pth"), False),
        (("", "net_ram-a26f946b.pth"), ("", "net_a1_0-14fe96d1.pth"), True),
        (("", "net-a26f946b.pth"), ("a1", ""), False),
        (("a", ""), ("b", ""), True),
    ],
)
def test_a_file_that_is_only_stored_again_is_no_change(
    first: tuple[str, str], second: tuple[str, str], differ: bool
) -> None:
    default = TOOL["Default"]
    assert TOOL["differ"](default(*first, "s"), default(*second, "s")) is differ


def written(folder: Path, name: str, source: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True)
    path.write_text(textwrap.dedent(source))
    return folder


def test_defaults_are_read_as_the_packages_choose_them(tmp_path: Path) -> None:
    old = """
        model_urls = {"net": "https://x/net-11111111.pth"}
    """
    new = """
        class Net_Weights(WeightsEnum):
            V1 = Weights(url="https://x/net-11111111.pth", meta={})
            V2 = Weights(url="https://x/net-22222222.pth")
            DEFAULT = V2

        def net(*, weights: Optional[Net_Weights] = None, **kwargs):
            pass
    """
    first: Any = TOOL["torchvision"](written(tmp_path / "a", "torchvision/models/n.py", old))
    second: Any = TOOL["torchvision"](written(tmp_path / "b", "torchvision/models/n.py", new))
    assert first["net"][:2] == ("pretrained=True", "net-11111111.pth")
    assert second["net"][:2] == ("V2", "net-22222222.pth")


def test_timm_takes_the_first_weights_or_those_with_a_star(tmp_path: Path) -> None:
    source = """
        BASE = "https://x/"
        default_cfgs = generate_default_cfgs({
            "net.untrained": _cfg(url=""),
            "net.a": _cfg(hf_hub_id="timm/", url=BASE + "a-11111111.pth"),
            "net.b": _cfg(hf_hub_id="timm/"),
            "star.a": _cfg(hf_hub_id="timm/"),
            "star.b*": _cfg(hf_hub_id="timm/"),
        })
    """
    read: Any = TOOL["timm"](written(tmp_path, "timm/models/n.py", source))
    assert {model: default[:2] for model, default in read.items()} == {
        "net": ("a", "a-11111111.pth"),
        "star": ("b", ""),
    }
