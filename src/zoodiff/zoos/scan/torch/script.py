"""Scan TorchScript archives (code, pickles, other members) without running them.

``torch.jit.load`` runs code before it returns: ``__setstate__`` of classes, and defaults. So the
whole archive is scanned first, and anything unknown is refused.
"""

from __future__ import annotations

import pickletools
import re
import zipfile
from pathlib import Path

from zoodiff.errors import MeasurementError
from zoodiff.rules.security import refusal
from zoodiff.zoos.scan.torch import torch_archive
from zoodiff.zoos.scan.torch.operators import described, objection
from zoodiff.zoos.scan.torch.script_code import Definitions, ReachingError, check_class_name
from zoodiff.zoos.scan.torch.script_code import check as check_code
from zoodiff.zoos.scan.torch.script_language import NotTorchScriptError, parse

_CODE = re.compile(r"code/(__torch__(?:/\w+)*)\.py", re.ASCII)
_DEBUG = re.compile(rf"{_CODE.pattern}\.debug_pkl", re.ASCII)
_PICKLE = re.compile(r"(data|constants|traced_inputs|bytecode|mobile_debug_handles)\.pkl")
_HARMLESS = re.compile(
    r"version|byteorder|\.format_version|\.storage_alignment|\.data/(version|serialization_id)"
    r"|(data|constants|traced_inputs|bytecode)/[0-9]+|extra/.+",
    re.ASCII | re.DOTALL,
)
_LEGACY = re.compile(r"model\.json|attributes\.pkl|(.*/)?tensors/.*|states?\.pkl", re.DOTALL)
_LARGEST_CODE = 8 * 2**20
_MOST_WORDS = 750_000
"""Limits of all code, in bytes and in words and signs; torchvision's networks have at most 0.8 MB
and 170,000."""
_WORD = re.compile(rb"\w+|[^\w\s]")
_LARGEST_PICKLES = 16 * 2**20
"""Bytes of all pickles; torchvision's networks have at most 2.5 megabytes."""
_PLAIN = frozenset(
    {
        "collections OrderedDict",
        "builtins complex",
        "torch device",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_qtensor",
        "torch._utils _rebuild_sparse_tensor",
        "torch._tensor _rebuild_from_type_v2",
        "torch Tensor",
        "torch.nn.parameter Parameter",
    }
)
_BUILDING = re.compile(r"torch\.jit\._pickle (build_\w+|restore_type_tag)", re.ASCII)
_OF_TORCH = re.compile(r"torch (\w+Storage|per_(tensor|channel)_\w+)", re.ASCII)
_OPCODES_TEXT = (
    "APPENDS BINFLOAT BINGET BININT BININT1 BININT2 BINPERSID BINPUT BINUNICODE BUILD DICT "
    "EMPTY_DICT EMPTY_LIST EMPTY_TUPLE GLOBAL LIST LONG1 LONG_BINGET LONG_BINPUT MARK NEWFALSE "
    "NEWOBJ NEWTRUE NONE PROTO REDUCE SETITEM SETITEMS STOP TUPLE TUPLE1 TUPLE2 TUPLE3"
)
_OPCODES = frozenset(_OPCODES_TEXT.split())
"""The opcodes that TorchScript's own reader of pickles knows."""
_OPERATOR = re.compile(r"\w+::\w+", re.ASCII)


def check(path: Path) -> None:
    """Scan a TorchScript file, also if the user allowed its code.

    Raises RefusedError for code that names files, or operators or classes of unknown libraries
    (SEC104), for pickles that name more than tensors and classes of the file (SEC101, SEC102), and
    for archives that two readers may read differently (SEC120). Raises MeasurementError if the file
    cannot be read.
    """
    members = torch_archive.members(path)
    _check_names(members, path)
    try:
        opened = zipfile.ZipFile(path)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise MeasurementError(f"{path} is a damaged archive ({error})") from None
    with opened:
        definitions = _check_code(opened, members, path)
        pickles = {n: m for n, m in members.items() if _PICKLE.fullmatch(n) or _DEBUG.fullmatch(n)}
        if sum(member.file_size for member in pickles.values()) > _LARGEST_PICKLES:
            raise MeasurementError(f"{path} holds too many pickles to be scanned")
        seen: set[bytes] = set()  # similar classes have identical pickles
        for name, member in pickles.items():
            content = torch_archive.read(opened, member, path, _LARGEST_PICKLES)
            if content not in seen:
                _check_pickle(content, f"{name!r} in {path}", definitions)
            seen.add(content)
            if name == "bytecode.pkl":
                _check_bytecode(content, path)


def _check_names(members: dict[str, zipfile.ZipInfo], path: Path) -> None:
    for name in members:
        if _LEGACY.fullmatch(name):
            raise refusal(
                "SEC104",
                f"{path} is of a form of TorchScript from before 2020 ({name!r}), which is not "
                "scanned; if you trust it, load it and save it anew",
            )
    for name in members:
        if not any(kind.fullmatch(name) for kind in (_CODE, _DEBUG, _PICKLE, _HARMLESS)):
            raise refusal("SEC104", f"{path} holds {name!r}, which no TorchScript file has")


def _check_code(
    opened: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], path: Path
) -> Definitions:
    """Check all code and return its definitions."""
    files = {match[1]: members[name] for name in members if (match := _CODE.fullmatch(name))}
    if sum(member.file_size for member in files.values()) > _LARGEST_CODE:
        raise MeasurementError(f"{path} holds too much code to be scanned")
    definitions = Definitions()
    trees = {}
    words = 0
    for name, member in files.items():
        module = name.replace("/", ".")
        source = torch_archive.read(opened, member, path, _LARGEST_CODE)
        words += _WORD.subn(b"", source)[1]
        if words > _MOST_WORDS:
            raise MeasurementError(f"{path} holds too much code to be scanned")
        try:
            trees[module] = parse(source)
            definitions.add(module, trees[module])
        except NotTorchScriptError as error:
            raise _odd(error, module, path) from None
    for module, tree in trees.items():
        try:
            check_code(module, tree, definitions)
        except ReachingError as error:
            raise refusal("SEC104", f"{path} is not loaded: its code names {error}") from None
        except NotTorchScriptError as error:
            raise _odd(error, module, path) from None
    return definitions


def _odd(error: NotTorchScriptError, module: str, path: Path) -> Exception:
    return refusal(
        "SEC104",
        f"{path} is not loaded: its code is nothing that PyTorch writes ({module}: {error})",
    )


def _check_pickle(content: bytes, where: str, definitions: Definitions) -> None:
    """Raise RefusedError for a pickle that names more than tensors and classes of the file."""
    end = -1
    try:
        for opcode, argument, place in pickletools.genops(content):
            end = place or 0
            if opcode.name not in _OPCODES:
                raise refusal("SEC102", f"the pickle {where} holds {opcode.name}")
            if opcode.name == "GLOBAL":
                _check_global(str(argument), where, definitions)
    except (ValueError, IndexError, EOFError, UnicodeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise refusal("SEC102", f"the pickle {where} cannot be followed ({reason})") from None
    if end + 1 != len(content):
        raise refusal("SEC102", f"the pickle {where} goes on behind its end")


def _check_global(name: str, where: str, definitions: Definitions) -> None:
    if name in _PLAIN or _BUILDING.fullmatch(name) or _OF_TORCH.fullmatch(name):
        return
    if not name.startswith("__torch__"):
        raise refusal(
            "SEC101",
            f"the pickle {where} names {ascii(name)[:100]}, which is more than tensors and plain "
            "values",
        )
    try:
        check_class_name(name.replace(" ", "."), definitions)
    except ReachingError as error:
        raise refusal("SEC104", f"the pickle {where} names {error}") from None


def _check_bytecode(content: bytes, path: Path) -> None:
    """Check the network's bytecode for phones, which other readers than torch.jit.load run."""
    for _, argument, _ in pickletools.genops(content):
        if isinstance(argument, str) and _OPERATOR.fullmatch(argument):
            reason = objection(argument)
            if reason:
                raise refusal(
                    "SEC104",
                    f"{path} is not loaded: its bytecode names {described(argument)}, which "
                    f"{reason}",
                )
