"""Every error that zoodiff raises on purpose: one sentence that names the thing and the way out.

The command prints the sentence and ends with ``exit_code``; a traceback appears only with
``--debug``. Exit codes are those of the design: 2 for usage or input, 3 for a measurement that
could not be made.

Sentences quote names and messages of untrusted files, so ``str`` of an error is harmless text (see
``zoodiff.text``), wherever it is printed, logged or stored; ``args`` holds what was raised.
"""

from __future__ import annotations

from zoodiff.text import visible


class ZoodiffError(Exception):
    """An error that the user can correct; the message says how."""

    exit_code = 2
    kind = "usage"
    """What an error object of ``--json`` is called, for programs."""

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


class MeasurementError(ZoodiffError):
    """A measurement failed; the others continue."""

    exit_code = 3
    kind = "measurement"


class UnreadableFileError(MeasurementError):
    """A model file that is there and cannot be opened: damaged, or of no format that is read."""

    kind = "unreadable file"


class WeightsUnavailableError(MeasurementError):
    """Published weights could not be fetched or did not match their published checksum."""

    kind = "weights"


class WorkerError(MeasurementError):
    """A worker reported an error, died, ran out of its time or out of its memory."""

    kind = "worker"


class RefusedError(MeasurementError):
    """A file that is not loaded, since it could do more than be measured.

    The message begins with the code of a rule (SEC101), which ``zoodiff rules`` explains.
    """

    kind = "refused file"

    @property
    def code(self) -> str:
        """The rule's code."""
        return str(self).partition(":")[0]


class ImageError(MeasurementError):
    """An image that cannot be decoded; the others are still measured."""

    kind = "image"
