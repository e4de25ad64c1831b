"""Examples and stated inputs that do not fit: one sentence with what would, in Python and typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import zoodiff
from zoodiff.api.stated_inputs import empty_inputs, read_arrays
from zoodiff.cli.app import app
from zoodiff.errors import MeasurementError, UsageError


def arrays(folder: Path, **named: Any) -> Path:
    path = folder / "example.npz"
    np.savez(path, **named)
    return path


def test_a_file_that_is_no_example_says_what_one_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no file .*missing\.npz; an example is an .npz"):
        read_arrays(tmp_path / "missing.npz")
    text, single = tmp_path / "text.npz", tmp_path / "single.npy"
    text.write_text("no archive", encoding="utf-8")
    np.save(single, np.zeros(3))
    for path in (text, single):
        with pytest.raises(
            UsageError, match=r"no .npz file.*numpy.savez\('example.npz', ids=ids\)"
        ):
            read_arrays(path)
    with pytest.raises(UsageError, match="Object arrays cannot be loaded"):
        read_arrays(arrays(tmp_path, ids=np.array([{}], dtype=object)))
    assert list(read_arrays(arrays(tmp_path, ids=np.zeros(2)))) == ["ids"]


def test_options_that_say_everything_say_how_a_network_is_called() -> None:
    inputs = empty_inputs(["ids=int64[1,4]:0..9", "scale=float16[]"])
    assert {name: (each.dtype.name, each.shape) for name, each in inputs.items()} == {
        "ids": ("int64", (1, 4)),
        "scale": ("float16", ()),
    }
    assert empty_inputs(["ids=int64[1,4]", "mask=bool"]) == {}
    assert empty_inputs([]) == {}


@pytest.mark.torch
@pytest.mark.onnx
def test_stated_inputs_stand_in_for_an_example(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    from support import readers

    network = readers.reader()
    path = readers.export(network, tmp_path / "reader.onnx")
    stated = ("ids=int64[1,10]", "mask=bool[1,10]")
    assert zoodiff.diff(network, path, inputs=stated).same_function is True
    changed = readers.planted(network, "row")
    assert zoodiff.diff(changed, path, inputs=stated).same_function is False
    with pytest.raises(UsageError, match=r"takes \(ids, mask\), and the stated inputs do not fit"):
        zoodiff.diff(network, path, inputs=stated[:1])
    with pytest.raises(MeasurementError, match=r"or state them all, as in inputs=\['ids=int64"):
        zoodiff.diff(network, path)


@pytest.mark.torch
@pytest.mark.onnx
def test_the_command_says_the_same_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    from support import readers

    path = str(readers.export(readers.reader(), tmp_path / "reader.onnx"))
    wrong = str(arrays(tmp_path, ids=np.ones((1, 10), np.float32)))
    for words, said in (
        (
            ["--input", "ids=float32[1,10]"],
            "holds int64, not float32; say --input 'ids=int64[1,10]'",
        ),
        (["--input", "words=int64[1,10]"], "there is no input words: reader.onnx takes --input"),
        (["--example", wrong], "holds int64, not float32"),
        (["--example", str(tmp_path / "none.npz")], "there is no file"),
    ):
        with pytest.raises(UsageError) as caught:
            CliRunner().invoke(app, ["diff", path, path, *words], catch_exceptions=False)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)
