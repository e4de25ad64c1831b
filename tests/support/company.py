"""A company's zoo on disk: small networks as ONNX files, and the TOML file that describes them."""

from __future__ import annotations

from pathlib import Path

from support.onnx_networks import network

TOML = """\
name = "acme"
title = "Acme's vision networks"
homepage = "https://models.acme.example"
place = "models"
labels = "labels.txt"
licence = "Apache-2.0"

[preprocessing]
input_size = [32, 32]
channel_order = "RGB"
value_range = [0, 1]

[[entries]]
name = "tiny"
same_as = "resnet18"
default = "v2"

[entries.weights.v1]
file = "tiny.onnx"

[entries.weights.v1.claims]
top1 = 71.2
parameters = 1546

[entries.weights.v2]
file = "tiny_v2.onnx"

[[entries.weights.v2.claims]]
top1 = 73.5
latency_ms = 1.25
machine = "Xeon 8480+"
threads = 1
batch = 1
source = "https://models.acme.example/tiny"
protocol = "50,000 validation images, centre crop"

[[entries]]
name = "gone"
file = "gone.onnx"

[[entries]]
files = "mobile/*.onnx"
"""


def write_zoo(folder: Path, text: str = TOML) -> Path:
    """Write the zoo into a folder, and return its TOML file."""
    models = folder / "models"
    (models / "mobile").mkdir(parents=True, exist_ok=True)
    network(models / "tiny.onnx")
    network(models / "tiny_v2.onnx", seed=1)
    network(models / "mobile" / "narrow.onnx", kernel=1)
    network(models / "mobile" / "wide.onnx", kernel=5)
    (folder / "labels.txt").write_text("".join(f"class {k}\n" for k in range(10)))
    file = folder / "acme.toml"
    file.write_text(text)
    return file
