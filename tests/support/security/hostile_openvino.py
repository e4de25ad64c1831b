"""Hostile IR files of OpenVINO: entities, places that lie, operators of extensions, huge shapes."""

from __future__ import annotations

import os
from pathlib import Path

from support.security.hostile import trick


def network(**more: str) -> str:
    """The XML of a network with one weight; parts of it may be replaced."""
    parts = {
        "head": '<?xml version="1.0"?>',
        "place": 'offset="0" size="16"',
        "kernel": 'element_type="f32" shape="1,4"',
        "type": "Add",
        "opset": "opset1",
        "data": '<data auto_broadcast="numpy"/>',
        "dims": "<dim>1</dim><dim>4</dim>",
        "end": "",
        **more,
    }
    dims = parts["dims"]
    return f"""{parts["head"]}<net name="n" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,4" element_type="f32"/>
<output><port id="0" precision="FP32">{dims}</port></output></layer>
<layer id="1" name="w" type="Const" version="opset1"><data {parts["kernel"]} {parts["place"]}/>
<output><port id="0" precision="FP32"><dim>1</dim><dim>4</dim></port></output></layer>
<layer id="2" name="y" type="{parts["type"]}" version="{parts["opset"]}">{parts["data"]}
<input><port id="0">{dims}</port><port id="1"><dim>1</dim><dim>4</dim></port></input>
<output><port id="2" precision="FP32">{dims}</port></output></layer>
<layer id="3" name="z" type="Result" version="opset1">
<input><port id="0">{dims}</port></input></layer></layers><edges>
<edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
<edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
<edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges>{parts["end"]}</net>"""


def written(folder: Path, xml: str, weights: bytes | None = bytes(16)) -> Path:
    (folder / "a.xml").write_text(xml, encoding="utf-8")
    if weights is not None:
        (folder / "a.bin").write_bytes(weights)
    return folder / "a.xml"


def _ir(name: str, code: str, **parts: str) -> None:
    def write(folder: Path, mark: Path) -> Path:
        return written(folder, network(**parts))

    write.__name__ = f"ir_{name}"
    trick(code)(write)


_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
_ir(
    "with_entities_that_unfold",
    "SEC121",
    head=f'<?xml version="1.0"?><!DOCTYPE net [<!ENTITY l0 "ha">{_LAUGHS}]>',
    end="<rt_info>&l11;</rt_info>",
)
_ir(
    "with_an_entity_of_another_file",
    "SEC121",
    head='<?xml version="1.0"?><!DOCTYPE net [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    end="<rt_info>&e;</rt_info>",
)
_ir(
    "with_a_document_type",
    "SEC121",
    head='<?xml version="1.0"?><!DOCTYPE net SYSTEM "http://127.0.0.1/net.dtd">',
)
_ir("weights_beyond_the_end", "SEC111", place='offset="4" size="16"')
_ir("weights_before_the_start", "SEC111", place='offset="-16" size="16"')
_ir("weights_of_another_size", "SEC111", place='offset="0" size="4"')
_ir("weights_of_an_overflowing_place", "SEC111", place='offset="9223372036854775807" size="16"')
_ir("weights_of_a_negative_shape", "SEC122", kernel='element_type="f32" shape="-1,-4"')
_ir("an_operator_of_an_extension", "SEC104", type="Add", opset="extension")
_ir("an_unknown_operator", "SEC104", type="RunCommand")
_ir("a_state_between_calls", "SEC104", type="ReadValue", opset="opset6")
_ir("a_tensor_of_exabytes", "SEC122", dims="<dim>1099511627776</dim><dim>1099511627776</dim>")
_ir("a_tensor_of_many_axes", "SEC122", dims="<dim>1</dim>" * 100)
_ir("elements_without_end", "SEC122", end="<a>" * 100 + "</a>" * 100)
_ir(
    "a_hint_at_other_weights",
    "SEC110",
    end='<rt_info><attribute name="__weights_path" value="/etc/passwd"/></rt_info>',
)


@trick("SEC110")
def ir_weights_behind_a_link(folder: Path, mark: Path) -> Path:
    (folder / "a.bin").symlink_to("/etc/passwd")
    return written(folder, network(), None)


@trick("SEC110")
def ir_weights_in_a_pipe(folder: Path, mark: Path) -> Path:
    os.mkfifo(folder / "a.bin")
    return written(folder, network(), None)


@trick("SEC122")
def ir_of_a_huge_xml(folder: Path, mark: Path) -> Path:
    path = written(folder, network())
    with path.open("a") as file:
        file.truncate(65 * 2**20)
    return path


@trick("contained")
def ir_that_is_cut(folder: Path, mark: Path) -> Path:
    return written(folder, network()[:700])


@trick("contained")
def ir_that_reads_itself(folder: Path, mark: Path) -> Path:
    xml = network().replace('from-layer="0" from-port="0"', 'from-layer="2" from-port="2"')
    return written(folder, xml)


@trick("contained")
def ir_with_a_number_that_is_none(folder: Path, mark: Path) -> Path:
    return written(folder, network(dims="<dim>1e3</dim><dim>4</dim>"))
