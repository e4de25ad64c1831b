"""``zoodiff claims``: what zoos publish about an architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from zoodiff.cli.options import takes_options
from zoodiff.cli.render.console import Json, print_json, print_line
from zoodiff.errors import UsageError

if TYPE_CHECKING:
    from zoodiff.api.claims import ClaimsRequest


def _complete_architecture(incomplete: str) -> list[str]:
    from zoodiff.api.claims import claimed_architectures

    return [name for name in claimed_architectures() if name.startswith(incomplete)]


def _complete_zoo(incomplete: str) -> list[str]:
    from zoodiff.api.claims import claiming_zoos

    return [name for name in claiming_zoos() if name.startswith(incomplete)]


@dataclass(frozen=True, kw_only=True)
class ClaimsOptions:
    """The options of ``zoodiff claims``."""

    architecture: Annotated[
        str | None,
        typer.Argument(
            help="Canonical name, for example resnet50; without it, all architectures.",
            autocompletion=_complete_architecture,
        ),
    ] = None
    zoo: Annotated[
        list[str] | None,
        typer.Option("--zoo", help="Only these zoos (repeat).", autocompletion=_complete_zoo),
    ] = None
    weights: Annotated[
        list[str] | None, typer.Option("--weights", help="Only weights of these names (repeat).")
    ] = None
    input_size: Annotated[
        str,
        typer.Option("--input-size", help="Pixels; largest (per zoo, with accuracy); any."),
    ] = "any"
    precision: Annotated[str, typer.Option("--precision", help="fp32, int8 or any.")] = "any"
    extra_data: Annotated[
        str,
        typer.Option(
            "--extra-data",
            help="Weights with extra data, distilled or pruned: include, exclude or only.",
        ),
    ] = "include"
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Only claims that were public on YYYY-MM-DD."),
    ] = None
    json: Json = False


@takes_options
def claims(options: ClaimsOptions) -> None:
    """Print the claims about an architecture, or the differences of all."""
    from zoodiff.api.claims import ClaimsError, ClaimsRequest

    request = ClaimsRequest(
        architecture=options.architecture,
        zoos=tuple(options.zoo or ()),
        weights=tuple(options.weights or ()),
        input_size=options.input_size,
        precision=options.precision,
        extra_data=options.extra_data,
        as_of=options.as_of,
    )
    try:
        if request.architecture is None:
            _print_all(request, options.json)
        else:
            _print_one(request.architecture, request, options.json)
    except ClaimsError as error:
        option = {"zoos": "zoo"}.get(error.key[0], error.key[0].replace("_", "-"))
        raise UsageError(str(error).replace(error.key[0], f"--{option}", 1)) from None


def _print_all(request: ClaimsRequest, json: bool) -> None:
    from zoodiff.api.claims import claim_spreads
    from zoodiff.cli.render.claims import print_spreads

    spreads = claim_spreads(request)
    if json:
        print_json([spread.to_dict() for spread in spreads])
    else:
        print_spreads(spreads)


def _print_one(architecture: str, request: ClaimsRequest, json: bool) -> None:
    from zoodiff.api.claims import select_claims
    from zoodiff.cli.render.claims import print_claims

    selected = select_claims(request)
    if json:
        print_json([claim.to_dict() for claim in selected.claims])
    elif selected.claims:
        print_claims(selected.claims[0].architecture, selected.claims)
    else:
        print_line(
            f"None of the {selected.known} claims about {architecture} is left by these options."
        )
