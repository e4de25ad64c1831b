"""Reports that are not rebuilt as a pair of files, and why."""

from __future__ import annotations

_TRAINED = (
    "needs published weights and labelled images: the report is about an accuracy, its cause is "
    "unknown"
)
_TABLE = "a number or a word in documentation, not a network"
_COUNTS = (
    "how parameters or operations are counted: `show` reports it; two files do not differ in it"
)
_EVALUATION = "how images are counted, padded or split when an accuracy is measured"
_ACCELERATOR = "arithmetic of an accelerator"
_LATENCY = "how a latency is measured, or a claim about a latency"
_RUNTIME = "one file in two modes of a runtime, not two files"
_CATALOGUE = "a comparison of the recipes or the builds of zoos, not of two files"
_LIBRARY = "libraries that decode or process images, cause unknown or not a network's"

NOT_REBUILT = {
    **dict.fromkeys(
        ("Z020", "Z026", "Z034", "Z035", "Z036", "Z039", "Z040", "Z041", "Z044", "Z045", "Z054",
         "Z100"),
        _TRAINED,
    ),
    **dict.fromkeys(
        ("Z029", "Z038", "Z042", "Z084", "Z087", "Z088", "Z089", "Z094", "Z095", "Z096"), _TABLE
    ),
    **dict.fromkeys(("Z082", "Z090", "Z091", "Z092", "Z093"), _COUNTS),
    **dict.fromkeys(("Z086", "Z099", "Z122"), _EVALUATION),
    **dict.fromkeys(("Z107", "Z108"), _ACCELERATOR),
    **dict.fromkeys(
        ("Z111", "Z112", "Z113", "Z114", "Z115", "Z116", "Z117", "Z118", "Z119", "Z120", "Z121",
         "N060", "N062", "N063"),
        _LATENCY,
    ),
    **dict.fromkeys(("N043", "N064", "N065"), _RUNTIME),
    **dict.fromkeys(("N047",), _CATALOGUE),
    **dict.fromkeys(("Z109", "Z110"), _LIBRARY),
}  # fmt: skip
"""Id of a report -> reason."""
