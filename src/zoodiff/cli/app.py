"""The command ``zoodiff``: commands, global options, and what happens to errors."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from zoodiff._version import __version__
from zoodiff.cli.accuracy import accuracy
from zoodiff.cli.claims import claims
from zoodiff.cli.compare import compare
from zoodiff.cli.diff import diff
from zoodiff.cli.env import env
from zoodiff.cli.fingerprint import fingerprint
from zoodiff.cli.latency import latency
from zoodiff.cli.list import list_entries
from zoodiff.cli.report import report
from zoodiff.cli.rules import rules
from zoodiff.cli.run import run
from zoodiff.cli.show import show
from zoodiff.cli.store import store
from zoodiff.cli.zoos import zoos
from zoodiff.errors import ZoodiffError

app = typer.Typer(
    name="zoodiff",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Measure, explain and guard against discrepancies between pre-trained networks of the "
    "same name in different model zoos.",
    epilog="Exit codes: 0 done, 2 usage or input error, 3 a measurement could not be made.",
)
app.command("zoos")(zoos)
app.command("list")(list_entries)
app.command("show")(show)
app.command("claims")(claims)
app.command("compare")(compare)
app.command("diff")(diff)
app.command("accuracy")(accuracy)
app.command("latency")(latency)
app.command("fingerprint")(fingerprint)
app.command("run")(run)
app.command("report")(report)
app.command("rules")(rules)
app.add_typer(env, name="env")
app.add_typer(store, name="store")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"zoodiff {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors.", envvar="ZOODIFF_DEBUG")
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
    """Options that stand before the command."""
    if debug:
        os.environ["ZOODIFF_DEBUG"] = "1"
    if require_sandbox:
        os.environ["ZOODIFF_REQUIRE_SANDBOX"] = "1"


def main() -> None:
    """Run the command; every ZoodiffError is one sentence on standard error and an exit code."""
    try:
        app(prog_name="zoodiff")
    except ZoodiffError as error:
        if _debugging():
            raise
        print(f"zoodiff: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("\nzoodiff: interrupted; what was finished is kept", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, less) has gone; Python would complain once more while closing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if _debugging():
            raise
        print(
            f"zoodiff: unexpected {type(error).__name__}: {error}; "
            "run again with --debug before the command for the traceback, and report it",
            file=sys.stderr,
        )
        sys.exit(1)


def _debugging() -> bool:
    return bool(os.environ.get("ZOODIFF_DEBUG")) or "--debug" in sys.argv


if __name__ == "__main__":
    main()
