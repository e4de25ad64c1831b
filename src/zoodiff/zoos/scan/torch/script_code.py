"""Check every operator, class and attribute that TorchScript code names.

Names are resolved as in TorchScript's compiler. ``torch.x`` and ``ops.library.x`` are operators;
``__torch__.x`` is a class or function of the file, or a class of C++; ``value.x`` is an attribute
or method of a class of the file, a property, or otherwise the operator ``aten::x`` for any value.
So the name after a dot must be allowed as an operator, or be declared by a class of the file and
not be an operator.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from zoodiff.zoos.scan.torch.operators import (
    described,
    judgements,
    objection,
    objection_to_class,
    overloads,
)
from zoodiff.zoos.scan.torch.script_language import NotTorchScriptError, chain, nodes

CLASSES = "__torch__.torch.classes."
"""Prefix of the names of C++ classes."""
_ROOTS = frozenset({"torch", "ops", "__torch__", "CONSTANTS"})
_ATTRIBUTE_FORMS = frozenset({"getattr", "hasattr"})
_BASES = frozenset({"Module", "NamedTuple", "Interface", "ModuleInterface", "Enum"})
_CREATION = "__new__"
_LONGEST_WAY = 100
"""Most steps from a value to the argument that it comes from."""


class ReachingError(Exception):
    """Code that does more than compute; the message is the end of a sentence."""


@dataclass
class Definitions:
    """The definitions of the code files, by qualified name."""

    names: set[str] = field(default_factory=set)
    """Names of classes and functions."""
    members: dict[str, dict[str, str]] = field(default_factory=dict)
    """The attributes and methods of each class, with the class of an attribute or ""."""
    declared: set[str] = field(default_factory=set)
    """Names of attributes, methods, fields and constants of all classes."""

    def add(self, module: str, tree: ast.Module) -> None:
        """Add the definitions of a code file; raise NotTorchScriptError for unknown constructs."""
        for statement in tree.body:
            if isinstance(statement, ast.ClassDef | ast.FunctionDef):
                name = f"{module}.{statement.name}"
                if name in self.names:
                    raise NotTorchScriptError(f"line {statement.lineno} defines {name} again")
                self.names.add(name)
                if isinstance(statement, ast.ClassDef):
                    self.declared |= set(_declared(statement))
                    self.members[name] = dict(_members(statement))
            elif not _is_preamble(statement):
                raise NotTorchScriptError(f"line {statement.lineno} is no class and no function")


@dataclass(frozen=True)
class _Scope:
    """The names in one function."""

    arguments: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()
    values: Mapping[str, ast.expr] = field(default_factory=dict)
    """The values of the names that are assigned once."""
    classes: Mapping[str, str] = field(default_factory=dict)
    """The classes of the arguments that are not assigned."""


def check(module: str, tree: ast.Module, definitions: Definitions) -> None:
    """Raise ReachingError or NotTorchScriptError for a file of code that does more than compute."""
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef):
            _check_class(module, statement, definitions)
        elif isinstance(statement, ast.FunctionDef):
            _check_function(statement, definitions, None)


def check_class_name(name: str, definitions: Definitions) -> None:
    """Raise ReachingError for a class that neither the file defines nor the list allows."""
    if name.startswith(CLASSES):
        reason = objection_to_class(name.removeprefix(CLASSES))
        if reason:
            raise ReachingError(f"the class {name.removeprefix('__torch__.')}, which {reason}")
    elif name not in definitions.names:
        raise ReachingError(f"{name}, which the file does not define")


def _is_preamble(statement: ast.stmt) -> bool:
    """Whether a statement is a header of older versions: imports and the operator version."""
    match statement:
        case ast.Import(names=names):
            return all(alias.name.startswith("__torch__") and not alias.asname for alias in names)
        case ast.Assign(targets=[ast.Name(id="op_version_set")], value=ast.Constant(value=int())):
            return True
    return False


def _declared(definition: ast.ClassDef) -> Iterator[str]:
    for statement in definition.body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name
            case ast.Assign(
                targets=[
                    ast.Subscript(
                        value=ast.Name(id="__annotations__"),
                        slice=ast.Constant(value=str() as name),
                    )
                ]
            ):
                yield _plain(name, statement.lineno)
            case ast.Pass():
                pass
            case _:
                raise NotTorchScriptError(f"line {statement.lineno} is no part of a class")


def _members(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Yield the members of a class, with their class if known, without hooks."""
    hooks = {
        node.value
        for statement in definition.body
        if isinstance(statement, ast.Assign)
        for node in ast.walk(statement.value)
        if isinstance(node, ast.Constant)
    }
    for statement in definition.body:
        match statement:
            case ast.FunctionDef(name=name) if name not in hooks:
                yield name, ""
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=None):
                yield name, _class_of_annotation(kind)


def _class_of_annotation(annotation: ast.expr | None) -> str:
    """Return the qualified name of a class of the file; "" for any other type."""
    start, names = chain(annotation) if annotation else (None, [])
    is_class = isinstance(start, ast.Name) and start.id == "__torch__"
    return ".".join(["__torch__", *names]) if is_class else ""


def _plain(name: str, line: int) -> str:
    """Return a name; raise NotTorchScriptError if it is not a valid attribute name."""
    if not (name.isascii() and name.isprintable()) or any(mark in name for mark in "\"'\\"):
        raise NotTorchScriptError(f"line {line} names an attribute {name!a}")
    return name


def _check_class(module: str, definition: ast.ClassDef, definitions: Definitions) -> None:
    bases = [base.id if isinstance(base, ast.Name) else "" for base in definition.bases]
    if definition.keywords or definition.decorator_list or len(bases) > 1 or set(bases) - _BASES:
        raise NotTorchScriptError(f"line {definition.lineno} is an odd class")
    owner = f"{module}.{definition.name}"
    for statement in definition.body:
        if isinstance(statement, ast.FunctionDef):
            _check_function(statement, definitions, owner)
        else:
            # PyTorch compiles and runs constants and defaults when it reads the class.
            parts = [getattr(statement, part, None) for part in ("annotation", "value")]
            for part in parts:
                if part is not None:
                    _check_nodes(nodes(part), _Scope(), definitions)


def _check_function(function: ast.FunctionDef, definitions: Definitions, owner: str | None) -> None:
    """Check a function, or a method of the class ``owner``."""
    parameters = function.args
    if function.decorator_list or parameters.posonlyargs or parameters.vararg or parameters.kwarg:
        raise NotTorchScriptError(f"line {function.lineno} is an odd function")
    body = [node for statement in function.body for node in nodes(statement)]
    scope = _scope(function, body, owner)
    if (scope.arguments | scope.assigned) & _ROOTS:
        raise NotTorchScriptError(f"line {function.lineno} gives torch or ops a new meaning")
    outside = [parameter.annotation for parameter in [*parameters.args, *parameters.kwonlyargs]] + [
        function.returns
    ]
    outside += [*parameters.defaults, *parameters.kw_defaults]
    for expression in outside:
        if expression is not None:
            _check_nodes(nodes(expression), _Scope(), definitions)
    _check_nodes(body, scope, definitions)


def _scope(function: ast.FunctionDef, body: Iterable[ast.AST], owner: str | None) -> _Scope:
    arguments = [*function.args.args, *function.args.kwonlyargs]
    counts: Counter[str] = Counter()
    values = {}
    for node in body:
        if isinstance(node, ast.Name):
            counts[node.id] += isinstance(node.ctx, ast.Store)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id] = node.value
    classes = {argument.arg: _class_of_annotation(argument.annotation) for argument in arguments}
    if owner is not None and function.args.args:
        classes[function.args.args[0].arg] = owner
    assigned = frozenset(name for name, count in counts.items() if count)
    return _Scope(
        arguments=frozenset(classes),
        assigned=assigned,
        values={n: v for n, v in values.items() if counts[n] == 1 and n not in classes},
        classes={name: kind for name, kind in classes.items() if name not in assigned},
    )


def _check_nodes(ordered: Iterable[ast.AST], scope: _Scope, definitions: Definitions) -> None:
    """Check every name among nodes, in an order that puts outer nodes before inner ones."""
    chained: set[int] = set()  # nodes that were checked as parts of a chain
    for node in ordered:
        if id(node) in chained:
            continue
        if isinstance(node, ast.Attribute):
            start, names = chain(node)
            if isinstance(start, ast.Name) and start.id in _ROOTS:
                _check_rooted(start.id, names, definitions)
                inner: ast.expr = node
                while isinstance(inner, ast.Attribute):
                    inner = inner.value
                    chained.add(id(inner))
            else:
                _check_attribute(node.value, node.attr, scope, definitions)
        elif isinstance(node, ast.Name):
            _check_name(node, scope)
        elif isinstance(node, ast.Call) and _is_form(node.func):
            value, name = _form(node)
            _check_attribute(value, name, scope, definitions)
            chained.add(id(node.func))


def _check_rooted(root: str, names: list[str], definitions: Definitions) -> None:
    """Check ``torch.x``, ``ops.library.x``, ``__torch__.x`` or ``CONSTANTS.c0``."""
    attributes: list[str] = []
    if root == "CONSTANTS":
        attributes = names[1:]
    elif root == "__torch__":
        attributes = _below_class(names, definitions)
    else:
        library, operator, attributes = _operator(root, names)
        reason = objection(f"{library}::{operator}")
        if reason:
            raise ReachingError(f"{described(f'{library}::{operator}')}, which {reason}")
    for name in attributes:
        if name != _CREATION:
            _check_attribute(None, name, _Scope(), definitions)


def _operator(root: str, names: list[str]) -> tuple[str, str, list[str]]:
    """Return library, name and overload of an operator."""
    library, path = ("aten", names) if root == "torch" else (names[0], names[1:])
    while path[:1] == ["autograd"]:  # means aten at any position
        library, path = "aten", path[1:]
    if not path:
        raise ReachingError(f"the library {library} as a value")
    return library, path[0], path[1:]


def _below_class(names: list[str], definitions: Definitions) -> list[str]:
    """Return the names after the first one that is a class or a function."""
    full = "__torch__"
    for place, name in enumerate(names, start=1):
        full = f"{full}.{name}"
        known = full in definitions.names and not full.startswith(CLASSES)
        if known or (full.startswith(CLASSES) and place == 4):
            check_class_name(full, definitions)
            return names[place:]
    raise ReachingError(f"{full}, which the file does not define")


def _check_attribute(
    value: ast.expr | None, name: str, scope: _Scope, definitions: Definitions
) -> None:
    """Check ``value.name``; the value is None if unknown."""
    known = judgements()
    operator = f"aten::{name}"
    if operator in known.allowed or name in known.properties:
        return
    reason = objection(operator)
    if name not in definitions.declared and name not in known.methods:
        raise ReachingError(f"{described(operator)}, which {reason}")
    if operator not in known.refused and not overloads(operator):
        return
    # An operator is a method of any value, unless the value's class has a member of this name.
    kind = _class_of(value, scope, definitions)
    if name not in definitions.members.get(kind, {}):
        raise ReachingError(f"a method {name}, which may be the operator that {reason}")


def _class_of(value: ast.expr | None, scope: _Scope, definitions: Definitions) -> str:
    """Return the class of a value if it is certain, else ""."""
    behind: list[str] = []
    for _ in range(_LONGEST_WAY):
        match value:
            case ast.Name(id=name) if name in scope.values:
                value = scope.values[name]
            case ast.Attribute(value=inner, attr=name):
                value, behind = inner, [*behind, name]
            case ast.Call() if _is_form(value.func):
                value, name = _form(value)
                behind = [*behind, name]
            case _:
                break
    kind = scope.classes.get(value.id, "") if isinstance(value, ast.Name) else ""
    for name in reversed(behind):
        kind = definitions.members.get(kind, {}).get(name, "")
    return kind


def _check_name(node: ast.Name, scope: _Scope) -> None:
    if node.id in _ROOTS or node.id in _ATTRIBUTE_FORMS:
        raise NotTorchScriptError(f"line {node.lineno} takes {node.id} for a value")
    if node.id in scope.arguments or isinstance(node.ctx, ast.Store):
        return
    operator = judgements().functions.get(node.id)
    reason = objection(operator) if operator else None
    if operator and reason:  # a name means the function until it is assigned
        raise ReachingError(f"{described(operator)}, which {reason}")
    known = node.id in judgements().words or operator is not None
    if not known and node.id not in scope.assigned:
        raise NotTorchScriptError(f"line {node.lineno} names {node.id}, which nothing defines")


def _is_form(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id in _ATTRIBUTE_FORMS


def _form(call: ast.Call) -> tuple[ast.expr, str]:
    """Return value and name of ``getattr(value, "name")``, which means ``value.name``."""
    match call:
        case ast.Call(args=[value, ast.Constant(value=str() as name)], keywords=[]):
            return value, _plain(name, call.lineno)
    raise NotTorchScriptError(f"line {call.lineno} takes an attribute by an unknown name")
