"""Parse TorchScript of a file into Python's syntax tree without running it.

TorchScript is printed as a subset of Python. Only tokens that both languages read in the same way
are accepted. The others (comments, which may be types, continuation lines, tabs, prefixes of
strings, letters beyond ASCII) occur in no file that PyTorch writes.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

_TOKENS = re.compile(
    rb"""(?>
    [ \n]+
    | [A-Za-z_][A-Za-z0-9_]*+ (?!["'])
    | [0-9]++ (?:\.[0-9]*+)?+ (?:[eE][+-]?+[0-9]++)?+ j?+ (?![A-Za-z0-9_.])
    | "(?:[^"\\\x00-\x1f\x7f] | \\[\x20-\x7e])*+" (?!["'])
    | '(?:[^'\\\x00-\x1f\x7f] | \\[\x20-\x7e])*+' (?!["'])
    | [-+*/%@&|^~<>=!()\[\]{}:,.]
    )*+""",
    re.VERBOSE,
)
_STATEMENTS = (
    ast.AnnAssign,
    ast.Assert,
    ast.Assign,
    ast.AugAssign,
    ast.Break,
    ast.Continue,
    ast.Delete,
    ast.Expr,
    ast.For,
    ast.If,
    ast.Pass,
    ast.Raise,
    ast.Return,
    ast.While,
    ast.With,
)
_EXPRESSIONS = (
    ast.Attribute,
    ast.BinOp,
    ast.BoolOp,
    ast.Call,
    ast.Compare,
    ast.Constant,
    ast.Dict,
    ast.IfExp,
    ast.List,
    ast.Name,
    ast.Slice,
    ast.Subscript,
    ast.Tuple,
    ast.UnaryOp,
)
_PARTS = (
    ast.boolop,
    ast.cmpop,
    ast.expr_context,
    ast.keyword,
    ast.operator,
    ast.unaryop,
    ast.withitem,
)
_KNOWN = (*_STATEMENTS, *_EXPRESSIONS, *_PARTS)


class NotTorchScriptError(Exception):
    """The text cannot be from PyTorch; the message says why."""


def parse(source: bytes) -> ast.Module:
    """Return the syntax tree of a code file; raise NotTorchScriptError if it is invalid."""
    tokens = _TOKENS.match(source)
    assert tokens is not None
    if tokens.end() < len(source):
        line = source.count(b"\n", 0, tokens.end()) + 1
        odd = ascii(source[tokens.end() : tokens.end() + 12].decode("latin-1"))
        raise NotTorchScriptError(f"line {line} goes on with {odd}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unknown escapes
            return ast.parse(source.decode("utf-8"))
    except SyntaxError as error:
        raise NotTorchScriptError(f"line {error.lineno} is not TorchScript") from None
    except UnicodeDecodeError:
        raise NotTorchScriptError("it holds bytes that are no text") from None
    except (ValueError, RecursionError, MemoryError):
        raise NotTorchScriptError("it is nested too deeply") from None


def nodes(root: ast.AST) -> Iterator[ast.AST]:
    """Yield a statement or expression and all its parts; raise NotTorchScriptError if unknown."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, _KNOWN):
            line = getattr(node, "lineno", "?")
            raise NotTorchScriptError(f"line {line} holds {type(node).__name__}")
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
            raise NotTorchScriptError(f"line {node.lineno} holds bytes")
        yield node
        for name in node._fields:
            part = getattr(node, name, None)
            if isinstance(part, ast.AST):
                waiting.append(part)
            elif isinstance(part, list):
                waiting += [child for child in part if isinstance(child, ast.AST)]


def chain(node: ast.expr) -> tuple[ast.expr, list[str]]:
    """Return the expression before the first dot and the names after it: ``a.b.c`` is a, [b, c]."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return node, names[::-1]
