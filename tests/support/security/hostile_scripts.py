"""Hostile TorchScript whose code the user allowed: it must still not reach beyond computing."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from support.security.hostile import Payload, trick
from support.security.hostile_programs import network

_RETURN = b"    return "
ARMED: list[str] = []
"""Tricks that make the mark when PyTorch loads and runs the file and nobody looks at it before."""


@cache
def _members(module: object = None) -> dict[str, bytes]:
    """Members of a sound file by their names below its folder."""
    import torch

    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(module or network()), buffer)
    with zipfile.ZipFile(buffer) as source:
        return {n.partition("/")[2]: source.read(n) for n in source.namelist()}


def _code(members: dict[str, bytes]) -> str:
    """The member with the network's class; it is called like the module that the class is from."""
    owners = [b"class Small(Module)", b"class Stateful(Module)"]
    (name,) = [
        name
        for name, data in members.items()
        if name.endswith(".py") and any(owner in data for owner in owners)
    ]
    return name


def _packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, data in members.items():
            target.writestr(f"a/{name}", data)
    return buffer.getvalue()


def written(folder: Path, members: dict[str, bytes]) -> Path:
    (folder / "a.pt").write_bytes(_packed(members))
    return folder / "a.pt"


def recoded(folder: Path, change: Callable[[bytes], bytes]) -> Path:
    """The network with other code, in which HERE is the name of its own module."""
    members = _members()
    name = _code(members)
    changed = change(members[name])
    assert changed != members[name]
    changed = changed.replace(b"HERE", name[5:-3].replace("/", ".").encode())
    return written(folder, members | {name: changed})


def _line(name: str, text: str, *, armed: bool = False) -> None:
    """A trick that is lines of code before the network returns; MARK is where it would write."""

    def write(folder: Path, mark: Path) -> Path:
        lines = text.replace("MARK", str(mark)).encode()
        return recoded(
            folder, lambda code: code.replace(_RETURN, b"    " + lines + b"\n" + _RETURN)
        )

    write.__name__ = f"script_{name}"
    trick("SEC104", allowed=True)(write)
    if armed:
        ARMED.append(write.__name__)


_line("with_spaces_between_tokens", '_ = torch . save ( x , "MARK" )', armed=True)
_line("with_an_operator_on_two_lines", '_ = (torch\n  .save)(x, "MARK")', armed=True)
_line("with_a_continued_line", '_ = torch\\\n.save(x, "MARK")', armed=True)
_line("with_a_comment_between_tokens", '_ = (torch  # x\n  .save)(x, "MARK")', armed=True)
_line("with_a_tab_between_tokens", '_ = torch\t.save(x, "MARK")', armed=True)
_line("with_a_form_feed_between_tokens", '_ = torch\f.save(x, "MARK")', armed=True)
_line("with_another_name_for_torch", 't = torch\n    _ = t.save(x, "MARK")', armed=True)
_line("with_another_name_for_a_library", 'o = ops.aten\n    _ = o.save(x, "MARK")', armed=True)
_line("with_another_name_for_an_operator", 's = torch.save\n    _ = s(x, "MARK")', armed=True)
_line("by_way_of_autograd", '_ = torch.autograd.save(x, "MARK")', armed=True)
_line("by_way_of_another_library", '_ = ops.prim.autograd.autograd.save(x, "MARK")', armed=True)
_line("with_an_operator_as_a_method", '_ = x.save("MARK")')
_line("with_a_method_of_a_string", '_ = "x".save("MARK")')
_line("with_a_method_by_its_name", '_ = getattr(x, "save")("MARK")')
_line("with_a_method_by_an_escaped_name", '_ = getattr(x, "s\\141ve")("MARK")')
_line("with_another_name_for_getattr", 'g = getattr\n    _ = g(x, "save")("MARK")')
_line("with_a_prefix_before_a_string", 'a = r"\\" + ops.aten.x("')
_line("with_a_text_in_three_quotes", 'a = """x"""')
_line("with_a_letter_that_looks_alike", '_ = t\u043erch.save(x, "MARK")')
_line("with_a_letter_that_becomes_another", '_ = \uff54orch.save(x, "MARK")')
_line("with_a_zero_byte", '_ = 1\0\n    _ = torch.save(x, "MARK")')
_line("with_a_carriage_return", '_ = 1  # \r    _ = torch.save(x, "MARK")')
_line("that_maps_a_file_by_its_library", '_ = ops . aten . from_file("/etc/passwd", False, 4)')
_line("that_reads_a_file_of_images", '_ = ops.image.read_file("/etc/passwd")')
_line("that_reads_what_a_tool_wrote", '_ = ops.debugprims.load_tensor("MARK", [1], [1])')
_line("that_prints", 'print("\\033]0;title\\007")')
_line("that_prints_before_the_name_is_taken", "print(x)\n    print = 1")
_line("that_profiles", '_ = ops.profiler._record_function_enter_new("x", None)')
_line("that_reads_memory_it_was_not_given", "_ = torch._reshape_alias(x, [100000000], [1])")
_line("that_asks_another_machine", '_ = ops.prim.rpc_sync("x", "y")')
_line(
    "that_waits_for_itself",
    "def f() -> Tensor:\n      return x\n    g = fork(f)\n    _ = torch.wait(g)",
)
_line("with_a_class_by_steps", "c = __torch__.torch.classes\n    _ = c.c10d.Work()")
_line("with_a_class_that_profiles", "_ = __torch__.torch.classes.profiling._ScriptProfile()")
_line("with_an_operator_of_tomorrow", "_ = torch.read_anything(x)")
_line("with_python_in_it", "_ = [a for a in [torch.save]]")
_line("that_is_nested_without_end", f"_ = {'(' * 50_000}x{')' * 50_000}")
_line("with_a_chain_without_end", f"_ = x{'.a' * 50_000}")


def _shadowing(folder: Path, mark: Path) -> Path:
    """Some class has a method save, so that the name is known; the tensor's is the operator."""
    other = b"class Other:\n  def save(self, name: str) -> str:\n    return name\n"
    line = f'    _ = x.save("{mark}")\n'.encode()
    return recoded(folder, lambda code: other + code.replace(_RETURN, line + _RETURN))


_shadowing.__name__ = "script_with_a_class_that_has_the_method"
trick("SEC104", allowed=True)(_shadowing)


@trick("SEC104", allowed=True)
def script_that_saves_while_it_is_loaded(folder: Path, mark: Path) -> Path:
    """Nothing needs to be called: the loader runs ``__setstate__``."""
    import torch

    class Stateful(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = 2

        @torch.jit.export
        def __getstate__(self):
            return self.factor, self.training

        @torch.jit.export
        def __setstate__(self, state: tuple[int, bool]):
            self.factor = state[0]
            self.training = state[1]

        def forward(self, x):
            return x * self.factor

    members = _members(Stateful())
    name = _code(members)
    start = members[name].index(b"def __setstate__")
    place = members[name].index(b":\n", members[name].index(b"->", start)) + 2
    line = f'    _ = torch.save(1, "{mark}")\n'.encode()
    return written(folder, members | {name: members[name][:place] + line + members[name][place:]})


ARMED.append("script_that_saves_while_it_is_loaded")


@trick("SEC104", allowed=True)
def script_with_an_operator_in_a_default(folder: Path, mark: Path) -> Path:
    """Defaults are compiled and run when the class is read."""
    more = f',\n    y: NoneType=torch.save(1, "{mark}")) -> Tensor'.encode()
    return recoded(folder, lambda code: code.replace(b") -> Tensor", more, 1))


@trick("SEC104", allowed=True)
def script_with_an_operator_in_a_named_tuple(folder: Path, mark: Path) -> Path:
    more = f'class P(NamedTuple):\n  a : NoneType = torch.save(1, "{mark}")\n'.encode()
    line = b"    _ = HERE.P()\n"
    return recoded(folder, lambda code: more + code.replace(_RETURN, line + _RETURN))


@trick("SEC104", allowed=True)
def script_with_an_operator_in_a_constant(folder: Path, mark: Path) -> Path:
    line = b'  k : Final[int] = torch.len(torch.from_file("/etc/passwd", False, 4))\n  def forward'
    return recoded(folder, lambda code: code.replace(b"  def forward", line, 1))


@trick("SEC104", allowed=True)
def script_with_an_operator_that_nobody_calls(folder: Path, mark: Path) -> Path:
    head = "  def other(self: HERE.Small, x: Tensor) -> NoneType:\n"
    more = f'{head}    return torch.save(x, "{mark}")\n'
    return recoded(folder, lambda code: code.rstrip() + b"\n" + more.encode())


@trick("SEC104", allowed=True)
def script_with_an_operator_in_another_file(folder: Path, mark: Path) -> Path:
    code = f'def f(x: Tensor) -> NoneType:\n  return torch.save(x, "{mark}")\n'.encode()
    return written(folder, _members() | {"code/__torch__/other.py": code})


@trick("SEC104", allowed=True)
def script_with_code_under_another_name(folder: Path, mark: Path) -> Path:
    """Pickles may name classes of any module, so code may lie in any file below code/."""
    return written(folder, _members() | {"code/strange.py": b"class A:\n  a : int\n"})


@trick("SEC104", allowed=True)
def script_with_a_class_in_its_pickle_only(folder: Path, mark: Path) -> Path:
    name = b"c__torch__.torch.classes.c10d\nProcessGroup\n"
    data = b"\x80\x02" + name + b")\x81}b0" + _members()["data.pkl"][2:]
    return written(folder, _members() | {"data.pkl": data})


@trick("SEC101", allowed=True)
def script_with_a_pickle_of_python(folder: Path, mark: Path) -> Path:
    return written(folder, _members() | {"data.pkl": pickle.dumps(Payload(mark), 2)})


@trick("SEC101", allowed=True)
def script_with_code_in_its_places(folder: Path, mark: Path) -> Path:
    """Pickles beside the code say where in the original source it came from."""
    members = _members()
    places = {f"{_code(members)}.debug_pkl": pickle.dumps(Payload(mark), 2)}
    return written(folder, members | places)


@trick("SEC102", allowed=True)
def script_with_a_second_pickle_behind_the_first(folder: Path, mark: Path) -> Path:
    data = _members()["data.pkl"] + pickle.dumps(Payload(mark), 2)
    return written(folder, _members() | {"data.pkl": data})


@trick("SEC104", allowed=True)
def script_with_other_bytecode_than_code(folder: Path, mark: Path) -> Path:
    code = ("operators", (("aten::from_file", "", 3), ("aten::relu", "", 1)))
    data = pickle.dumps((9, ("__torch__.Small.forward", (code,))), 2)
    return written(folder, _members() | {"bytecode.pkl": data})


@trick("SEC104", allowed=True)
def script_of_the_old_form(folder: Path, mark: Path) -> Path:
    """With this member PyTorch reads the whole archive by another reader."""
    return written(folder, _members() | {"model.json": b'{"mainModule": {}}'})


@trick("contained", allowed=True)
def script_as_a_flatbuffer(folder: Path, mark: Path) -> Path:
    (folder / "a.pt").write_bytes(b"\x10\0\0\0PTMF" + bytes(200))
    return folder / "a.pt"


@trick("SEC120", allowed=True)
def script_with_two_folders(folder: Path, mark: Path) -> Path:
    path = written(folder, _members())
    with zipfile.ZipFile(path, "a") as target:
        target.writestr("b/code/__torch__.py", "x")
    return path


@trick("SEC120", allowed=True)
def script_with_a_member_twice_by_its_capitals(folder: Path, mark: Path) -> Path:
    """PyTorch's reader compares names without regard to case."""
    members = _members()
    return written(folder, members | {_code(members).replace("s", "S"): b"x"})


@trick("SEC120", allowed=True)
def script_with_two_lists_of_members(folder: Path, mark: Path) -> Path:
    """zipfile finds the second list, behind a sound network, and PyTorch's reader the first."""
    line = f'    _ = torch.save(x, "{mark}")\n'.encode()
    sound = _members()
    name = _code(sound)
    code = sound[name].replace(_RETURN, line + _RETURN)
    hostile = sound | {name: code}
    sound = sound | {name: sound[name].ljust(len(code), b"\n")}
    first, second = _packed(hostile), _packed(sound)
    assert len(first) == len(second)
    path = folder / "a.pt"
    path.write_bytes(first[:-22] + second)
    count, length, offset = struct.unpack("<10xHLL2x", second[-22:])
    assert (count, length + offset) == (len(sound), len(second) - 22)
    return path


ARMED.append("script_with_two_lists_of_members")


@trick("SEC104", allowed=True)
def script_with_an_attribute_that_is_code(folder: Path, mark: Path) -> Path:
    """Names of attributes are pasted between quotes when the network is turned into a graph."""
    name = "a') or __import__('os').system('touch x') or ('"
    line = f'  __annotations__["{name}"] = int\n  def forward'.encode()
    return recoded(folder, lambda code: code.replace(b"  def forward", line, 1))


@trick("contained", allowed=True)
def script_with_too_much_code(folder: Path, mark: Path) -> Path:
    return recoded(folder, lambda code: code + b"\n" * (9 * 2**20))
