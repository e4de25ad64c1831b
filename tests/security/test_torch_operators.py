"""Every operator and class that PyTorch registers is judged: allowed, or refused with a reason."""

from __future__ import annotations

import json
import math
import operator
import re
import subprocess
import sys
import tomllib
from collections import Counter
from importlib import resources

import pytest

from zoodiff.zoos.scan.torch.operators import (
    judgements,
    objection,
    objection_to_class,
    objection_to_higher_order,
    overloads,
)

pytestmark = pytest.mark.torch


IMPORTED = "torch.onnx.ops torch.ao.quantization.fx._decomposed torch._inductor.inductor_prims"
LISTING = """
import contextlib, importlib, io, json, pkgutil, sys
from zoodiff.torch_compat import import_torchvision
import_torchvision()
import torch, torch._higher_order_ops

found = sys.argv[1:] or [m.name for m in pkgutil.walk_packages(torch.__path__, "torch.", id)]
graphs = pkgutil.iter_modules(torch._higher_order_ops.__path__)
found += [f"torch._higher_order_ops.{m.name}" for m in graphs]
away = ("torch.testing", "torch.utils.benchmark", "torch.distributed.run", "torch.distributed.l")
for name in found:
    if not name.startswith(away) and "__main__" not in name:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(BaseException):
            importlib.import_module(name)
from torch._ops import _higher_order_ops
names = {s.name for s in torch._C._jit_get_all_schemas()}
names |= {n.partition(".")[0] for n in torch._C._dispatch_get_all_op_names()}
print(json.dumps([sorted(names), sorted(_higher_order_ops)]))
"""


@pytest.fixture(scope="module")
def torch():
    from zoodiff.torch_compat import import_torchvision

    import_torchvision()
    import torch

    return torch


def _check_all_judged(modules: list[str]) -> None:
    """Whether all operators are, that there are once modules are imported; of none, all."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LISTING, *modules],
        check=True,
        capture_output=True,
        text=True,
        timeout=800,
    )
    names, on_graphs = json.loads(done.stdout.splitlines()[-1])
    assert len(names) > 2000 and len(on_graphs) > 30
    known = judgements()
    judged = known.allowed | set(known.refused)
    new = {n for n in names if n not in judged and n.partition("::")[0] not in known.libraries}
    new |= set(on_graphs) - known.higher_order - set(known.higher_order_refused)
    assert not new, f"to be judged in torch/operators.toml: {' '.join(sorted(new))}"


def test_every_operator_is_judged() -> None:
    _check_all_judged(IMPORTED.split())


@pytest.mark.slow
def test_every_operator_of_every_module_is_judged() -> None:
    """Some are registered only when a part of PyTorch is imported that few networks need."""
    _check_all_judged([])


def test_every_class_of_cpp_is_judged(torch) -> None:
    known = judgements()
    schemas = torch._C._jit_get_custom_class_schemas()
    pattern = re.compile(r"__torch__\.torch\.classes\.([\w.]+)")
    owners = {
        found[1]
        for schema in schemas
        if schema.arguments and (found := pattern.search(str(schema.arguments[0].type)))
    }
    assert len(owners) > 10
    new = owners - known.classes - set(known.classes_refused)
    assert not new, f"to be judged in torch/operators.toml: {' '.join(sorted(new))}"


def test_no_operator_is_judged_twice() -> None:
    text = resources.files("zoodiff.zoos.scan.torch").joinpath("operators.toml").read_text("utf-8")
    read = tomllib.loads(text)
    for library, names in read["allowed"].items():
        refused = " ".join(read["refused"].get(library, {}).values())
        twice = [n for n, count in Counter(f"{names} {refused}".split()).items() if count > 1]
        assert not twice, f"{library}: {twice}"
    known = judgements()
    assert not {name.partition("::")[0] for name in known.allowed} & set(known.libraries)
    assert not known.higher_order & set(known.higher_order_refused)
    assert not known.classes & set(known.classes_refused)


@pytest.mark.parametrize(
    "name",
    [
        "aten::from_file",
        "aten::save",
        "aten::wait",
        "aten::to_here",
        "prim::Print",
        "prim::fork",
        "prim::awaitable",
        "prim::PythonOp",
        "prim::rpc_sync",
        "prim::profile",
        "prim::TimePoint",
        "debugprims::load_tensor",
        "c10d::send",
        "profiler::_record_function_enter",
        "image::read_file",
        "inductor::_reinterpret_tensor",
        "mkldnn::data_ptr",
        "strange::run",
        "aten::an_operator_of_tomorrow",
        "aten::",
        "",
    ],
)
def test_what_reaches_beyond_computing_is_refused(name: str) -> None:
    assert objection(name)


def test_nothing_that_is_allowed_takes_the_name_of_a_file(torch) -> None:
    named = re.compile(r"str (file|path|url|host|addr|lib|dir|command|module)\w*", re.IGNORECASE)
    for schema in torch._C._jit_get_all_schemas():
        if objection(schema.name) is None:
            assert not named.search(str(schema)), str(schema)


def test_objections_say_why() -> None:
    assert objection("aten::save") == "reads or writes a file"
    assert objection("symm_mem::_barrier") == "shares memory with other processes"
    assert objection_to_class("c10d.ProcessGroup") == "talks to other processes"
    assert objection_to_higher_order("triton_kernel_wrapper_mutation")
    assert objection_to_class("quantized.LinearPackedParamsBase") is None
    assert objection_to_higher_order("cond") is None


def test_what_operators_of_syntax_stand_for_is_allowed() -> None:
    """``a + b`` and ``a[b]`` name no operator in the code; these are what they become."""
    text = (
        "add sub mul div floordiv remainder pow matmul neg __and__ __or__ __xor__ __lshift__ "
        "__rshift__ bitwise_not __not__ eq ne lt le gt ge __is__ __isnot__ __contains__ "
        "__getitem__ _set_item select slice index index_put_ Delete add_ sub_ mul_ div_ "
        "__range_length __derive_index len keys Bool Int Float"
    )
    assert all(objection(f"aten::{name}") is None for name in text.split())
    assert objection("prim::RaiseException") is None


def test_functions_of_python_are_plain_functions(torch) -> None:
    modules = {"_operator": operator, "math": math, "torch": torch}
    for name in judgements().python:
        module, _, function = name.partition(".")
        assert callable(getattr(modules[module], function)), name


def test_overloads_are_those_of_the_installed_version(torch) -> None:
    assert {"Tensor", "Scalar"} <= overloads("aten::add")
    assert overloads("aten::an_operator_of_tomorrow") == frozenset()
