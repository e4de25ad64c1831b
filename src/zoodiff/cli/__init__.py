"""The command line: ``commands`` has one file per command, ``render`` their output.

The top of each module imports Typer and nothing slow, so that ``zoodiff --help`` answers at once; a
command imports what it needs when it runs.
"""
