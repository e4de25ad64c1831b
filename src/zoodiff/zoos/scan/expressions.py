"""Check texts that a loader evaluates as Python: they may contain arithmetic only."""

from __future__ import annotations

import ast
import re

_LONGEST = 20_000
_POWER = 64
_SYMBOL = re.compile(r"[suzf]\d+|u?nbacked_\w+")
_WORD = re.compile(r"[\w.]*")
_FUNCTIONS_TEXT = (
    "FloorDiv ModularIndexing Where PythonMod Mod CleanDiv CeilToInt FloorToInt CeilDiv LShift "
    "RShift PowByNatural FloatPow FloatTrueDiv IntTrueDiv IsNonOverlappingAndDenseIndicator "
    "TruncToFloat TruncToInt RoundToInt RoundDecimal ToFloat Identity Max Min Abs Eq Ne Lt Le Gt "
    "Ge And Or Not oo int_oo Integer Float Rational Symbol True False true false Piecewise floor "
    "ceiling sqrt Add Mul Pow Equality Unequality StrictLessThan LessThan StrictGreaterThan "
    "GreaterThan"
)
_FUNCTIONS = frozenset(_FUNCTIONS_TEXT.split())
"""Functions of sympy, and torch's additions to it."""
_SHAPE = frozenset({"size", "stride", "storage_offset", "dim"})
_PLAIN = (
    ast.Expression,
    ast.BoolOp,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.IfExp,
    ast.Tuple,
    ast.Load,
    ast.keyword,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
)


def is_arithmetic(text: str) -> bool:
    """Whether a symbolic shape is arithmetic of symbols, numbers and known functions.

    >>> is_arithmetic("2*s77 + FloorDiv(s0, 2)")
    True
    >>> is_arithmetic("Symbol('s77', positive=True, integer=True)")
    True
    >>> is_arithmetic("().__class__"), is_arithmetic("open('x')"), is_arithmetic("9**9**9")
    (False, False, False)
    """
    tree = _tree(text)
    return tree is not None and all(_is_plain(node, guard=False) for node in ast.walk(tree))


def is_guard(text: str) -> bool:
    """Whether a condition on inputs compares sizes and nothing else.

    >>> is_guard("2 <= L['x'].size()[0]"), is_guard("L['x'].size()[0] == evil()")
    (True, False)
    """
    tree = _tree(text)
    return tree is not None and all(_is_plain(node, guard=True) for node in ast.walk(tree))


def _tree(text: str) -> ast.Expression | None:
    if len(text) > _LONGEST:
        return None
    try:
        return ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_plain(node: ast.AST, *, guard: bool) -> bool:
    plain = isinstance(node, _PLAIN)
    match node:
        case ast.Constant(value=value):
            # The loader pastes a guard's texts into a program between quotes.
            plain = not isinstance(value, str | bytes) or _is_word(value)
        case ast.Name(id=name):
            symbol = _SYMBOL.fullmatch(name) is not None
            plain = name in _FUNCTIONS or symbol or (guard and name == "L")
        case ast.BinOp(op=ast.Pow(), right=right):
            plain = not isinstance(right, ast.Constant | ast.BinOp) or _is_small(right)
        case ast.Call(func=ast.Name()):
            plain = True  # the name is checked as its own node
        case ast.Call(func=ast.Attribute(attr=name)) | ast.Attribute(attr=name):
            plain = guard and name in _SHAPE
        case ast.Subscript():
            plain = guard
    return plain


def _is_small(power: ast.expr) -> bool:
    return (
        isinstance(power, ast.Constant)
        and isinstance(power.value, int | float)
        and abs(power.value) <= _POWER
    )


def _is_word(value: str | bytes) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None
