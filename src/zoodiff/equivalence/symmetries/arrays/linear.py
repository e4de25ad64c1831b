"""How the weights of two linear layers are related, given the order in which columns are read.

Tried from plain to involved: equal; rows in another order; rows with factors; kernels turned;
columns in another order or with factors; both orders free. Every proposal is check on all
elements.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from zoodiff.equivalence.symmetries.arrays.closeness import COMPUTED, EXACT, Closeness, closeness
from zoodiff.equivalence.symmetries.arrays.integers import integer_closeness, stores_integers
from zoodiff.equivalence.symmetries.arrays.match import Columns, Match
from zoodiff.equivalence.symmetries.arrays.matching import (
    any_columns,
    factors,
    same_columns,
    same_up_to_factors,
    untied,
)
from zoodiff.equivalence.symmetries.arrays.matrices import Matrix, turned_kernels
from zoodiff.equivalence.symmetries.arrays.permutations import inverse, is_identity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Permutation = NDArray[np.int64]

_BIAS = 5e-3
"""Relative; how far the bias of a quantised layer may be off."""
_NEAR_ONE = 1e-5
_ROUNDED = 5e-4
"""Factors of rounded weights that are this near to powers of two are tried as such."""


@dataclass(frozen=True)
class Framed:
    """The second layer's weights with the columns of the first; rows that belong together."""

    weight: Floats
    base: Permutation


class Pair:
    """Two layers of equal shapes."""

    def __init__(self, a: Matrix, b: Matrix, columns: Sequence[Columns]) -> None:
        self.a, self.b = a, b
        self._columns = columns
        self._alike = a.roles == b.roles
        self._weights: dict[tuple[int, bool], Floats] = {}

    @property
    def comparable(self) -> bool:
        """Whether shapes and groups are equal."""
        a, b = self.a, self.b
        return a.shape == b.shape and (a.group, a.kernel) == (b.group, b.kernel)

    def match(self, *, plain: bool = False) -> Match | None:
        """The first relation that holds; ``plain``: none that involves kernels or free columns."""
        if not self.comparable:
            return None
        same = self._identical()
        if same is not None:
            return same
        self._columns = [self._untied(columns) for columns in self._columns]
        attempts = [self._direct, self._integers, self._rows, self._alone, self._scaled]
        if not plain:
            attempts += [self._kernels, self._across, self._free, self._transposed]
        for attempt in attempts:
            partial = None
            for match in attempt():
                if not match.vectors:
                    return match
                partial = partial or match
            if partial is not None:
                return partial
        return None

    def _untied(self, columns: Columns) -> Columns:
        """Tell columns that read equal channels apart, by what the layer makes of them."""
        inside = self.b.shape[1]
        if not columns.ties or (self.b.group > 1 and inside > 1):
            return columns
        x, y = self._first(self._alike), self._weight(1, self._alike)
        if columns.factors is not None:
            each = columns.factors.reshape(self.b.group, -1)
            y = y * np.repeat(each, self.b.rows // self.b.group, axis=0)[:, :, None]
        if self.b.group > 1:
            mine, theirs = (w.reshape(self.b.group, -1) for w in (x, y))
        else:
            free = np.ones(inside, dtype=bool)
            free[np.concatenate(columns.ties)] = False
            known = x[:, columns.order[free]], y[:, free]
            rows = same_columns(*(w.reshape(self.b.rows, -1) for w in known))  # type: ignore[arg-type]
            x = x if rows is None else x[rows]
            mine, theirs = (w.swapaxes(0, 1).reshape(inside, -1) for w in (x, y))
        order = untied(columns.order, columns.ties, mine, theirs)
        return replace(columns, order=order, ties=())

    def frames(self) -> list[tuple[Floats, Floats]]:
        """Both weights with columns as the graphs say, and as they stand; stored before folded."""
        frames = []
        for _, framed, stored in self._frames():
            frames.append((self._first(stored)[framed.base], framed.weight))
        return frames

    def _framed(self, weight: Floats, columns: Columns) -> Framed | None:
        """Bring the second layer's columns to the first's order and size."""
        if columns.factors is not None:
            each = columns.factors.reshape(self.b.group, -1)
            rows = self.b.rows // self.b.group
            weight = weight * np.repeat(each, rows, axis=0)[:, :, None]
        inside = weight.shape[1]
        order = columns.order.reshape(self.b.group, inside)
        groups = order // inside
        if not bool((groups == groups[:, :1]).all()):
            return None
        per = self.b.rows // self.b.group
        base = (groups[:, :1] * per + np.arange(per)).reshape(-1)
        if is_identity(columns.order):
            return Framed(weight, base)
        if self.b.group == 1:
            return Framed(weight[:, inverse(order[0])], base)
        place = np.repeat(np.argsort(order % inside, axis=1), per, axis=0)
        return Framed(np.take_along_axis(weight, place[:, :, None], axis=1), base)

    def _frames(self) -> Iterator[tuple[Columns, Framed, bool]]:
        """The second layer's weights in each order of columns, stored before folded."""
        plain = self._alike and bool((self.a.scale == 1).all() and (self.b.scale == 1).all())
        for stored in (True,) if plain else (True, False) if self._alike else (False,):
            weight = self._weight(1, stored)
            for columns in self._columns:
                framed = self._framed(weight, columns)
                if framed is not None:
                    yield columns, framed, stored

    def _first(self, stored: bool) -> Floats:
        return self._weight(0, stored)

    def _weight(self, side: int, stored: bool) -> Floats:
        if (side, stored) not in self._weights:
            m = (self.a, self.b)[side]
            self._weights[side, stored] = m.stored() if stored else m.folded()
        return self._weights[side, stored]

    def _identical(self) -> Match | None:
        """The match of layers with equal weights and columns as they stand; None otherwise."""
        a, b, columns = self.a, self.b, self._columns[0]
        if not (columns.trivial and self._alike and np.array_equal(a.weight, b.weight)):
            return None
        pairs = zip(a.vectors, b.vectors, strict=True)
        if not all(np.array_equal(x, y) for (_, x), (_, y) in pairs):
            return None
        rows = np.arange(a.rows)
        return Match(rows, columns, "equal", rows)

    def _verified(
        self, x: Floats, y: Floats, rows: Permutation, stored: bool, f: Floats | None = None
    ) -> tuple[Closeness, tuple[str, ...]] | None:
        """Weights element by element, then what stands beside them."""
        computed = f is not None or any(c.factors is not None for c in self._columns)
        tolerance = COMPUTED if computed or not stored else EXACT
        there = x[rows] if f is None else x[rows] * f[:, None, None]
        arrays = (self.a.weight, self.b.weight)
        near = closeness(
            there.reshape(len(rows), -1),
            y.reshape(len(rows), -1),
            arrays,
            tolerance,
            scaled=computed,
        )
        if near is None:
            return None
        wrong: list[str] = []
        if stored and f is None:
            for (role, mine), (_, theirs) in zip(self.a.vectors, self.b.vectors, strict=True):
                near = self._with_vector(
                    near, mine[rows], theirs, (mine, theirs), EXACT, wrong, role
                )
        else:
            mine = self.a.shift[rows] * (1.0 if f is None else f)
            both = tuple(
                np.concatenate([v for _, v in m.vectors] or [m.shift]) for m in (self.a, self.b)
            )
            near = self._with_vector(near, mine, self.b.shift, both, COMPUTED, wrong, "bias")  # type: ignore[arg-type]
        return near, tuple(wrong)

    @staticmethod
    def _with_vector(
        near: Closeness,
        mine: Floats,
        theirs: Floats,
        arrays: tuple[Floats, Floats],
        tolerance: float,
        wrong: list[str],
        role: str,
    ) -> Closeness:
        how = closeness(mine[None], theirs[None], arrays, tolerance)
        size = max(float(np.abs(mine).max(initial=0)), float(np.abs(theirs).max(initial=0)))
        if how is None and near.startswith("quantised"):
            how = near if bool((np.abs(mine - theirs) <= _BIAS * size).all()) else None
        if how is None and near != "equal":
            # Rounded weights are folded with rounded statistics.
            loose = 2**-7 if "bfloat16" in near else 2**-9
            how = near if bool((np.abs(mine - theirs) <= loose * size).all()) else None
        if how is None:
            wrong.append(role)
            return near
        return how if near == "equal" else near

    def _direct(self) -> Iterator[Match]:
        for columns, framed, stored in self._frames():
            check = self._verified(self._first(stored), framed.weight, framed.base, stored)
            if check:
                yield Match(framed.base, columns, check[0], framed.base, vectors=check[1])

    def _integers(self) -> Iterator[Match]:
        """Weights that one side stores as integers; its biases are integers of other steps."""
        both = self.a, self.b
        whole = [stores_integers(m.weight) for m in both]
        if whole[0] == whole[1]:
            return
        for columns in self._columns:
            # What is folded is quantised afterwards.
            sides = [
                m.weight if w else m.folded() for m, w in zip((self.a, self.b), whole, strict=True)
            ]
            framed = self._framed(sides[1], columns)
            if framed is None or columns.factors is not None:
                continue
            x, y = sides[0][framed.base], framed.weight
            exact, steps = (y, x) if whole[0] else (x, y)
            near = integer_closeness(exact.astype(np.float64), steps)
            if near is not None:
                yield Match(framed.base, columns, near, framed.base)

    def _rows(self) -> Iterator[Match]:
        for columns, framed, stored in self._frames():
            x, y = self._first(stored), framed.weight
            for beside in (True, False):
                rows = self._proposed(x, y, beside=beside)
                if rows is None or not self._in_groups(rows, framed.base):
                    continue
                check = self._verified(x, y, rows, stored)
                if check and not (beside and check[1]):
                    yield Match(rows, columns, check[0], framed.base, vectors=check[1])

    def _across(self) -> Iterator[Match]:
        """Rows of a grouped convolution in an order that its groups do not have."""
        if self.a.group == 1:
            return
        for columns, framed, stored in self._frames():
            x, y = self._first(stored), framed.weight
            rows = self._proposed(x, y, beside=True)
            check = self._verified(x, y, rows, stored) if rows is not None else None
            if check and rows is not None:
                yield Match(rows, columns, check[0], framed.base, across=True, vectors=check[1])

    def _proposed(self, x: Floats, y: Floats, *, beside: bool) -> Permutation | None:
        """The order of the rows, which shifts ``beside`` them tell apart where they are equal."""
        shifts = (self.a.shift, self.b.shift) if beside else None
        return same_columns(x.reshape(self.a.rows, -1), y.reshape(self.a.rows, -1), shifts)

    def _in_groups(self, rows: Permutation, base: Permutation) -> bool:
        per = self.a.rows // self.a.group
        return bool((rows // per == base // per).all())

    def _alone(self) -> Iterator[Match]:
        """Factors on the weights as they are stored, with all beside them unchanged."""
        if not self._alike or not any(v.any() for _, v in self.a.vectors):
            return
        arrays = (self.a.weight, self.b.weight)
        for columns, framed, stored in self._frames():
            x, y = self._first(stored), framed.weight
            for rows, f in self._factors(x, framed) if stored else ():
                near = closeness(x[rows] * f[:, None, None], y, arrays, COMPUTED, scaled=True)
                pairs = zip(self.a.vectors, self.b.vectors, strict=True)
                if near and all(np.array_equal(v[rows], w) for (_, v), (_, w) in pairs):
                    yield Match(rows, columns, near, framed.base, alone=f)

    def _factors(self, x: Floats, framed: Framed) -> Iterator[tuple[Permutation, Floats]]:
        """Propose factors of rows in their order, then in any."""
        flat = x.reshape(self.a.rows, -1), framed.weight.reshape(self.a.rows, -1)
        for in_order in (True, False):
            if in_order:
                rows, f = framed.base, factors(flat[0][framed.base], flat[1])
            else:
                proposed = same_up_to_factors(*flat)
                if proposed is None or not self._in_groups(proposed[0], framed.base):
                    continue
                rows, f = proposed
            exact = _settled(f)
            if exact is not None and not np.allclose(exact, 1.0, rtol=_NEAR_ONE):
                powers = np.sign(exact) * 2.0 ** np.round(np.log2(np.abs(exact)))
                if np.allclose(exact, powers, rtol=_ROUNDED, atol=0):
                    yield rows, powers
                yield rows, exact

    def _scaled(self) -> Iterator[Match]:
        for columns, framed, stored in self._frames():
            if stored and bool((self.a.scale != 1).any()):
                continue
            x, y = self._first(stored), framed.weight
            for rows, f in self._factors(x, framed):
                check = self._verified(x, y, rows, False, f)
                if check:
                    yield Match(rows, columns, check[0], framed.base, factors=f, vectors=check[1])

    def _kernels(self) -> Iterator[Match]:
        for columns, framed, stored in self._frames():
            for name, x in turned_kernels(self._first(stored), self.a.kernel).items():
                rows = framed.base
                check = self._verified(x, framed.weight, rows, stored)
                if check is None:
                    free = self._proposed(x, framed.weight, beside=True)
                    if free is None or not self._in_groups(free, rows):
                        continue
                    rows = free
                    check = self._verified(x, framed.weight, rows, stored)
                if check:
                    yield Match(rows, columns, check[0], framed.base, kernel=name, vectors=check[1])

    def _free(self) -> Iterator[Match]:
        """Columns in an order that no graph says, or with factors."""
        if self.a.group > 1:
            return
        for columns, framed, stored in self._frames():
            x, y = self._first(stored), framed.weight
            turned = (
                x.swapaxes(0, 1).reshape(x.shape[1], -1),
                y.swapaxes(0, 1).reshape(x.shape[1], -1),
            )
            order = same_columns(*turned)
            if order is not None:
                check = self._verified(x[:, order], y, framed.base, stored)
                if check:
                    yield Match(
                        framed.base, columns, check[0], framed.base, free=order, vectors=check[1]
                    )
            both = any_columns(x, y)
            if both is not None:
                rows, order = both
                check = self._verified(x[:, order], y, rows, stored)
                if check:
                    yield Match(rows, columns, check[0], framed.base, free=order, vectors=check[1])
            if not stored or bool((self.a.scale == 1).all()):
                yield from self._free_factors(x, y, turned, columns, framed)

    def _free_factors(
        self, x: Floats, y: Floats, turned: tuple[Floats, Floats], columns: Columns, framed: Framed
    ) -> Iterator[Match]:
        for order, f in [
            (np.arange(x.shape[1]), factors(*turned)),
            *([proposed] if (proposed := same_up_to_factors(*turned)) is not None else []),
        ]:
            exact = _settled(f)
            if exact is None:
                continue
            check = self._verified(x[:, order] * exact[None, :, None], y, framed.base, False)
            if check:
                moved = None if is_identity(order) else order
                yield Match(
                    framed.base,
                    columns,
                    check[0],
                    framed.base,
                    free=moved,
                    free_factors=exact,
                    vectors=check[1],
                )

    def _transposed(self) -> Iterator[Match]:
        n = self.a.rows
        if self.a.group > 1 or self.a.shape != (n, n, 1) or n < 2:
            return
        for columns, framed, stored in self._frames():
            x = self.a.stored().swapaxes(0, 1) * (1.0 if stored else self.a.scale[:, None, None])
            check = self._verified(x, framed.weight, framed.base, stored)
            if check:
                yield Match(
                    framed.base, columns, check[0], framed.base, transposed=True, vectors=check[1]
                )


def _settled(f: Floats) -> Floats | None:
    """Factors with rounding removed; None where a factor is 0 or not finite."""
    if not np.isfinite(f).all() or not bool((f != 0).all()):
        return None
    if np.allclose(f, f[0], rtol=_NEAR_ONE, atol=0):
        f = np.full_like(f, float(np.median(f)))
    near = np.round(f)
    return np.where(np.isclose(f, near, rtol=_NEAR_ONE, atol=0) & (near != 0), near, f)
