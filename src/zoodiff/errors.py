"""The errors that zoodiff raises: each message names the thing and says what to do.

The command prints the message and ends with ``exit_code``; it prints a traceback only with
``--debug``. Exit codes are 2 for usage or input, 3 for a measurement that failed.

Messages quote names and texts from untrusted files, so ``str`` of an error is escaped (see
``zoodiff.text``) wherever it is printed, logged or stored; ``args`` holds the original text.
"""

from __future__ import annotations

from zoodiff.text import visible


class ZoodiffError(Exception):
    """An error that the user can correct; the message says how."""

    exit_code = 2
    kind = "usage"
    """The ``kind`` of the error object that ``--json`` prints."""

    def __str__(self) -> str:
        return visible(super().__str__())


class UsageError(ZoodiffError):
    """The command, a reference, an option or an input file is not valid."""


class UnknownNameError(UsageError):
    """A zoo, entry, weights, architecture, study or key that does not exist."""

    kind = "unknown name"


class StudyError(UsageError):
    """A study file that cannot be run; the message names the file, the line and the key."""

    kind = "study"


class StoreError(ZoodiffError):
    """The results folder cannot be read or written."""

    kind = "results folder"


class MissingFrameworkError(ZoodiffError):
    """A zoo's framework is not installed; the message names the extra or the environment."""

    exit_code = 3
    kind = "missing framework"


class MissingPackageError(MissingFrameworkError):
    """An optional package is not installed; the message says how to install it."""


class MeasurementError(ZoodiffError):
    """A measurement failed; the others continue."""

    exit_code = 3
    kind = "measurement"


class UnknownInputsError(MeasurementError):
    """A network does not show which inputs it takes; the message says how to give them."""


class UnreadableFileError(MeasurementError):
    """A model file exists and cannot be opened: it is damaged or its format is unsupported."""

    kind = "unreadable file"


class WeightsUnavailableError(MeasurementError):
    """Published weights could not be fetched or did not match their published checksum."""

    kind = "weights"


class WorkerError(MeasurementError):
    """A worker reported an error, died, or exceeded its time or memory limit."""

    kind = "worker"


class RefusedError(MeasurementError):
    """A file is refused because loading it could run code or exhaust the machine.

    The message begins with the code of a rule (SEC101), which ``zoodiff rules`` explains.
    """

    kind = "refused file"

    @property
    def code(self) -> str:
        """The rule's code."""
        return str(self).partition(":")[0]


class ImageError(MeasurementError):
    """An image cannot be decoded; the others are still measured."""

    kind = "image"
