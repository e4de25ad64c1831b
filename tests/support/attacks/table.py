"""The table of tricks, and what a trick is told and answers."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

After = Literal["refused", "answered", "ended", "either"]
"""What the parent must see: every attempt refused, with the process alive; an answer or one error,
with the process alive; the process ended with one error; any of these."""

REFUSALS = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS})
"""Errors by which a protection refuses. Any other error is of the call itself: it was reached."""


@dataclass(frozen=True)
class Given:
    """What a trick is told about the world outside."""

    guard: str
    """A folder of the user's: ``there`` and ``folder/inner`` are files, all of it must stay."""
    home: str
    key: str
    """A file in the home folder where people keep keys."""
    outgoing: str
    """The parent's folder of arrays; it holds ``shared`` as one."""
    shared: str
    parent: int
    """The parent's process."""
    port: int
    socket: str
    """A port and a local socket that somebody listens at."""
    memory: int
    """A segment of System V's shared memory that belongs to the user."""
    devices: tuple[str, ...] = ()
    confined: bool = True

    def dump(self) -> str:
        """The same as text."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Given:
        """Read what ``dump`` wrote."""
        values = json.loads(text)
        return cls(**(values | {"devices": tuple(values["devices"])}))

    @property
    def there(self) -> Path:
        """A file of the user's."""
        return Path(self.guard) / "there"


@dataclass
class Attempts:
    """Which attempts of a trick were refused, and which reached what they were after."""

    confined: bool = True
    refused: list[str] = field(default_factory=list)
    through: list[str] = field(default_factory=list)

    def __call__(
        self,
        name: str,
        action: Callable[[], Any],
        also: Collection[int] = (),
        *,
        harmful: bool = False,
    ) -> None:
        """Try something; ``also`` are errors that mean that what it is after cannot be seen.

        What is ``harmful`` is not tried in a worker that nothing confines.
        """
        if harmful and not self.confined:
            return
        try:
            action()
        except OSError as error:
            if error.errno == errno.ENOSYS and not self.confined:
                return  # this kernel was built without it
            if error.errno is None or error.errno in REFUSALS or error.errno in also:
                self.refused.append(name)
            else:
                self.through.append(f"{name} ({errno.errorcode.get(error.errno or 0, error)})")
        else:
            self.through.append(name)

    def __str__(self) -> str:
        if not self.confined:
            return f"armed but for: {', '.join(self.refused)}"
        if self.through:
            return f"through: {', '.join(self.through)}"
        return f"stopped: {len(self.refused)} attempts"


@dataclass(frozen=True)
class Trick:
    """One trick and what must be seen of it."""

    name: str
    run: Callable[..., Any]
    """Takes ``Given``; of a trick that must be refused, ``Attempts`` too."""
    after: After
    seconds: float
    """The time limit of the request."""
    takes: bool
    """Whether the answer is a list of arrays, which the parent tries to take."""
    late: bool
    """Whether it may spoil the request after it as well."""
    says: str
    """What the error matches."""
    only: str
    """``bubblewrap`` where nothing is promised without it."""

    @property
    def what(self) -> str:
        """One line on what it does."""
        return str(self.run.__doc__).splitlines()[0]

    @property
    def place(self) -> tuple[str, int]:
        """File and line of the function."""
        return self.run.__code__.co_filename, self.run.__code__.co_firstlineno


TRICKS: dict[str, Trick] = {}


def trick(
    after: After,
    *,
    seconds: float = 20.0,
    takes: bool = False,
    late: bool = False,
    says: str = "",
    only: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function into the table."""

    def keep(run: Callable[..., Any]) -> Callable[..., Any]:
        made = Trick(run.__name__, run, after, seconds, takes, late, says, only)
        known = TRICKS.setdefault(run.__name__, made)
        # Looking for doctests imports a file a second time; another function may not take a name.
        assert known.place == made.place
        return run

    return keep
