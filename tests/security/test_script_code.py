"""What the look at TorchScript lets through and what it refuses, line by line."""

from __future__ import annotations

import ast
import zipfile
from pathlib import Path

import pytest

from zoodiff.errors import MeasurementError, RefusedError
from zoodiff.zoos.scan.torch import script, torch_archive
from zoodiff.zoos.scan.torch.script_code import Definitions, ReachingError, check
from zoodiff.zoos.scan.torch.script_language import NotTorchScriptError, parse

pytestmark = pytest.mark.torch  # what is registered is asked of PyTorch
FILE = """\
class Part(Module):
  __parameters__ = []
  __buffers__ = []
  __annotations__ = []
  __annotations__["0"] = Tensor
  wait : int
  size_of : Final[int] = 4
  def forward(self: __torch__.m.Part,
    x: Tensor) -> Tensor:
    return x
  def owner(self: __torch__.m.Part) -> int:
    return 1
class Pair(NamedTuple):
  first : Tensor
  second : Optional[Tensor]
class Color(Enum):
  RED = 1
class Takes(ModuleInterface):
  def forward(self, x: Tensor) -> Tensor:
    pass
class Net(Module):
  part : __torch__.m.Part
  save : Tensor
  def forward(self: __torch__.m.Net,
    x: Tensor,
    print: int=3) -> Tensor:
    part = self.part
    {}
    return x
def free(x: Tensor) -> Tensor:
  return x
"""
SOUND = """
_0 = torch.add(x, 1, alpha=2)
_0 = ops.quantized.linear_dynamic(x, x, True)
_0 = torch.autograd.grad([x], [x])
_0, _1, = [x, x]
_0 = (part).forward(x, )
_0 = (part).owner()
_0 = getattr(part, "0")
_0 = self.save
_0 = (self.part).wait
self.save = x
_0 = __torch__.m.Pair(x, None)
_0 = (_0).first
_0 = torch.eq(1, (__torch__.m.Color.RED).value)
_0 = __torch__.m.free(x, )
_0 = __torch__.m.Part.__new__(__torch__.m.Part)
_0 = __torch__.torch.classes.quantized.LinearPackedParamsBase.__new__(x)
_0 = CONSTANTS.c0
_0 = annotate(List[Optional[Tensor]], [None])
_0 = unchecked_cast(Tensor, uninitialized(Tensor))
_0 = isinstance(x, (Tensor, int))
_0 = x.shape
_0 = torch.format("{} \\"\\n\\303", print)
_0 = ops.prim.RaiseException("a", "builtins.ValueError")
_0 = [1., 1.5e-05, -1, 2j, 1e5, inf, nan]
_0 = float(int(bool(x))) if True else 1.
_0 = {{"a": x}}["a"][0:1:2, ...]
_0 = torch.warn("deprecated", 2)
"""
REACHING = """
_0 = torch.save(x, "a")
_0 = ops.aten.from_file("a")
_0 = ops.strange.run(x)
_0 = ops.aten
_0 = torch.autograd
_0 = x.save("a")
_0 = getattr(x, "record_stream")(1)
_0 = (x).owner()
_0 = (self.save).owner()
_0 = (part.forward(x, )).owner()
_0 = (self.part).save
_0 = (self).to_here()
_0 = x.read_anything()
_0 = __torch__.m.Missing(x)
_0 = __torch__.torch.classes.c10d.Work()
_0 = __torch__.torch.classes
_0 = __torch__
_0 = fork(x)
_0 = awaitable(x)
_0 = id(x)
_0 = rpc_sync("a", "b")
"""
ODD = """
_0 = torch
_0 = (ops)
ops = x
_0 = getattr
_0 = getattr(x, y)
_0 = getattr(x, "a'b")
_0 = [a for a in x]
_0 = lambda: x
_0 = (y := x)
_0 = f"a"
_0 = r"a"
_0 = b"a"
_0 = "a""b"
_0 = 0x10
_0 = 1_000
_0 = x; y = x
_0 = nothing_of_this_name
_0 = await x
import os
from os import path
global x
_0 = *x
try: pass
def f(): pass
class A: pass
"""


def _checked(line: str) -> None:
    tree = parse(FILE.replace("{}", line.replace("{{", "{").replace("}}", "}")).encode())
    definitions = Definitions()
    definitions.add("__torch__.m", tree)
    check("__torch__.m", tree, definitions)


@pytest.mark.parametrize("line", SOUND.strip().splitlines())
def test_what_torchscript_prints_is_let_through(line: str) -> None:
    _checked(line)


@pytest.mark.parametrize("line", REACHING.strip().splitlines())
def test_what_reaches_beyond_is_refused(line: str) -> None:
    with pytest.raises((ReachingError, NotTorchScriptError)):
        _checked(line)


def test_a_class_counts_only_where_a_value_is_surely_of_it() -> None:
    """A name that is assigned twice, or a value that a function returns, may be anything."""
    for line in (
        "part = x\n    _0 = (part).owner()",
        "_0 = (part).owner()\n    for part in x:\n      pass",
        "_0 = (self).owner()\n    self = x",
        "_0 = (self.size_of).owner()",
    ):
        with pytest.raises(ReachingError, match="method owner"):
            _checked(line)


@pytest.mark.parametrize("line", ODD.strip().splitlines())
def test_what_torchscript_never_prints_is_refused(line: str) -> None:
    with pytest.raises(NotTorchScriptError):
        _checked(line)


@pytest.mark.parametrize(
    "odd", ["\t", "\f", "\r", "\0", "\\\n", "#", "$", "`", "?", "\ufeff", "\u2028", "\u043e", "é"]
)
def test_signs_that_two_readers_take_differently_are_refused(odd: str) -> None:
    for line in (f"_0 = 1{odd}", f"{odd}_0 = 1", f"_0 ={odd} 1"):
        with pytest.raises(NotTorchScriptError):
            parse(f"def f() -> int:\n  {line}\n  return 1\n".encode())


@pytest.mark.parametrize(
    "text",
    [
        "class A(Strange):\n  pass\n",
        "class A(Module, Module):\n  pass\n",
        "class A(metaclass=x):\n  pass\n",
        "class A:\n  torch.save(1, 'a')\n",
        "class A:\n  for a in x:\n    pass\n",
        "class A(NamedTuple):\n  a : int = torch.save(1, 'a')\n",
        "class A:\n  a : Final[int] = torch.save(1, 'a')\n",
        "class A:\n  a = torch.save(1, 'a')\n",
        "class A:\n  a : torch.save(1, 'a')\n",
        "@torch.save\ndef f(x: int) -> int:\n  return x\n",
        "def f(*x: int) -> int:\n  return 1\n",
        "def f(x: int=torch.save(1, 'a')) -> int:\n  return x\n",
        "def f(x: torch.save) -> int:\n  return x\n",
        "def f(x: int) -> torch.save:\n  return x\n",
        "def f(torch: int) -> int:\n  return 1\n",
        "torch.save(1, 'a')\n",
        "x = 1\n",
        "import os\n",
    ],
)
def test_what_stands_outside_functions_is_looked_at(text: str) -> None:
    definitions = Definitions()
    with pytest.raises((ReachingError, NotTorchScriptError)):
        tree = parse(text.encode())
        definitions.add("__torch__.m", tree)
        check("__torch__.m", tree, definitions)


def test_imports_and_the_version_of_older_files_are_let_through() -> None:
    tree = parse(b"op_version_set = 1\nimport __torch__.a.b\ndef f(x: int) -> int:\n  return x\n")
    definitions = Definitions()
    definitions.add("__torch__.m", tree)
    check("__torch__.m", tree, definitions)
    assert definitions.names == {"__torch__.m.f"}


@pytest.mark.parametrize("opening", ["(", "[", "-", "not ", "{1:", "x.a(", "torch.add("])
def test_nesting_ends_in_a_sentence(opening: str) -> None:
    text = f"def f(x: int) -> int:\n  _ = {opening * 200_000}\n  return x\n"
    with pytest.raises(NotTorchScriptError):
        parse(text.encode())


def test_a_chain_is_read_from_its_start() -> None:
    expression = ast.parse("a.b.c", mode="eval").body
    from zoodiff.zoos.scan.torch.script_language import chain

    start, names = chain(expression)
    assert isinstance(start, ast.Name) and (start.id, names) == ("a", ["b", "c"])


def _archive(path: Path, names: list[str], **options: int) -> bytes:
    with zipfile.ZipFile(path, "w", **options) as target:
        for name in names:
            target.writestr(name, b"content")
    return path.read_bytes()


def test_an_archive_of_one_folder_is_read_without_it(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    _archive(path, ["a/", "a/b", "a/c/d"], compression=zipfile.ZIP_DEFLATED)
    assert list(torch_archive.members(path)) == ["b", "c/d"]


@pytest.mark.parametrize("change", ["comment", "behind", "before", "entries", "stored"])
def test_an_archive_that_two_readers_read_differently_is_refused(
    tmp_path: Path, change: str
) -> None:
    path = tmp_path / "a.pt"
    data = bytearray(_archive(path, ["a/b", "a/c"]))
    if change == "comment":
        data[-2:] = b"\3\0"
        data += b"abc"
    elif change == "behind":
        data += b"\0"
    elif change == "before":
        data = bytearray(b"PK\3\4" + bytes(40)) + data
    elif change == "entries":
        data[-14:-10] = b"\1\0\1\0"
    else:  # one reader goes by one size, the other by the other
        place = data.index(b"PK\1\2")
        data[place + 24 : place + 28] = b"\3\0\0\0"
    path.write_bytes(data)
    with pytest.raises((RefusedError, MeasurementError)):
        torch_archive.members(path)


@pytest.mark.parametrize(
    "member, content",
    [
        ("code/__torch__.py", b"def f(x: int) -> int:\n" + b"  x=-x\n" * 400_000),
        ("code/__torch__.py", b"\n" * (9 * 2**20)),
        ("data.pkl", b"\x80\x02" + b"N" * (17 * 2**20) + b"."),
    ],
)
def test_more_than_any_network_has_is_refused_before_it_is_parsed(
    tmp_path: Path, member: str, content: bytes
) -> None:
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as target:
        target.writestr(f"a/{member}", content)
    with pytest.raises(MeasurementError, match="to be scanned"):
        script.check(tmp_path / "a.pt")
