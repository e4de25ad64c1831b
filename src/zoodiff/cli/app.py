"""The command ``zoodiff``: commands, global options, error handling."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from zoodiff._version import __version__
from zoodiff.cli import exit_codes, streams
from zoodiff.cli.commands.accuracy import accuracy
from zoodiff.cli.commands.audit_recipes import audit_recipes
from zoodiff.cli.commands.claims import claims
from zoodiff.cli.commands.compare import compare
from zoodiff.cli.commands.diff import diff
from zoodiff.cli.commands.example import example
from zoodiff.cli.commands.fingerprint import fingerprint
from zoodiff.cli.commands.latency import latency
from zoodiff.cli.commands.list import list_entries
from zoodiff.cli.commands.manage.env import env
from zoodiff.cli.commands.manage.index import index
from zoodiff.cli.commands.manage.store import store
from zoodiff.cli.commands.manage.zoos import zoos
from zoodiff.cli.commands.names import names
from zoodiff.cli.commands.report import report
from zoodiff.cli.commands.rules import rules
from zoodiff.cli.commands.run import run
from zoodiff.cli.commands.schema import schema
from zoodiff.cli.commands.show import show
from zoodiff.cli.commands.which import which
from zoodiff.cli.failures import explained, kind_of
from zoodiff.cli.render.console import print_error, print_line, say


class _Commands(TyperGroup):
    """The commands; errors about arguments, which may be untrusted text, are printed by zoodiff."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run a command and end the process, or return its exit code."""
        if not options.get("standalone_mode", True):
            return super().main(*arguments, **options)
        try:
            code = super().main(*arguments, **{**options, "standalone_mode": False})
        except Exception as error:
            if not _is_misuse(error):
                raise
            code = _misused(error)
        sys.exit(code if isinstance(code, int) else 0)


app = typer.Typer(
    name="zoodiff",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Measure, explain and guard against discrepancies between pre-trained networks of the "
    "same name in different model zoos.",
    epilog=exit_codes.epilog(),
)
app.command("list")(list_entries)
app.command("names")(names)
app.command("audit-recipes")(audit_recipes)
app.command("show")(show)
app.command("claims")(claims)
app.command("which")(which)
app.command("compare")(compare)
app.command("diff")(diff)
app.command("accuracy")(accuracy)
app.command("latency")(latency)
app.command("fingerprint")(fingerprint)
app.command("run")(run)
app.command("report")(report)
app.command("rules")(rules)
app.command("schema")(schema)
app.command("example")(example)
app.add_typer(zoos, name="zoos")
app.add_typer(env, name="env")
app.add_typer(store, name="store")
app.add_typer(index, name="index")


def _version(requested: bool) -> None:
    if requested:
        print_line(f"zoodiff {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors.", envvar="ZOODIFF_DEBUG")
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="Show no progress, only results and errors.",
            envvar="ZOODIFF_QUIET",
        ),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help="Say what is done, in lines on standard error: worker starts, times, cache hits.",
            envvar="ZOODIFF_VERBOSE",
        ),
    ] = False,
    require_sandbox: Annotated[
        bool,
        typer.Option(
            "--require-sandbox",
            help="Open untrusted files only where every protection is in force (see zoodiff zoos).",
            envvar="ZOODIFF_REQUIRE_SANDBOX",
        ),
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Options before the command."""
    if debug:
        os.environ["ZOODIFF_DEBUG"] = "1"
    if verbose:
        _say_steps()
    elif quiet:
        os.environ["ZOODIFF_QUIET"] = "1"
    if require_sandbox:
        os.environ["ZOODIFF_REQUIRE_SANDBOX"] = "1"


class _Said(logging.Handler):
    """Prints lines of the logger, which may hold names of untrusted files, with the time."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        say(f"[{time.monotonic() - self.begin:7.1f} s] {record.getMessage()}")


def _say_steps() -> None:
    """Print what zoodiff does; ``-v`` wins over ``-q``, which the environment may set."""
    os.environ["ZOODIFF_VERBOSE"] = "1"
    os.environ.pop("ZOODIFF_QUIET", None)
    logger = logging.getLogger("zoodiff")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(_Said())


def main() -> None:
    """Run the command; report a failure as one sentence on standard error and an exit code.

    With ``--json`` the failure is also an object on standard output, unless a result was printed.
    """
    streams.guard()
    warnings.showwarning = _warned
    threading.excepthook = _failed_in_thread
    sys.unraisablehook = _failed_in_cleanup
    try:
        code = app(prog_name="zoodiff", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = exit_codes.INTERRUPTED
    except Exception as error:
        code = _failed(error)
    if code == exit_codes.INTERRUPTED:
        sentence = exit_codes.EXIT_CODES[exit_codes.INTERRUPTED]
        say("")
        say(f"zoodiff: {sentence}")
        print_error("interrupted", sentence, exit_codes.INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _failed(error: Exception) -> int:
    """Print the error and return the exit code."""
    if _is_misuse(error):
        return _misused(error)
    sentence, code = _report_error(error)
    print_error(kind_of(error), sentence, code)
    return code


def _report_error(error: Exception) -> tuple[str, int]:
    """Print an error on standard error; return the sentence and the exit code."""
    if _debugging():
        _trace(error)
    sentence, code = explained(error)
    say(f"zoodiff: {sentence}")
    return sentence, code


def _trace(error: BaseException) -> None:
    for line in "".join(traceback.format_exception(error)).splitlines():
        say(line)


def _is_misuse(error: Exception) -> bool:
    """Whether typer raised the error; the base class differs among typer's versions."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _misused(error: Any) -> int:
    """Print typer's error about the arguments, which may be names of untrusted files."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        for line in error.format_message().splitlines():
            say(line)
        return exit_codes.USAGE
    if context is not None:
        for line in context.get_usage().splitlines():
            say(line)
        say(f"Try '{context.command_path} {context.help_option_names[0]}' for help.")
        say("")
    say(f"Error: {error.format_message()}")
    print_error("usage", error.format_message(), exit_codes.USAGE)
    return exit_codes.USAGE


def _failed_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if isinstance(arguments.exc_value, Exception):
        _report_error(arguments.exc_value)


def _failed_in_cleanup(arguments: Any) -> None:
    """Silence exceptions in destructors: a user can do nothing about them."""
    if _debugging() and arguments.exc_value is not None:
        _trace(arguments.exc_value)


def _warned(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    say(f"zoodiff: {category.__name__}: {message}")


def _debugging() -> bool:
    return bool(os.environ.get("ZOODIFF_DEBUG")) or "--debug" in sys.argv


if __name__ == "__main__":
    main()
