"""The command line: ``commands`` has one file per command, ``render`` their output.

Modules here import Typer and nothing slow at their top, so that ``zoodiff --help`` answers at
once; what a command needs it imports when it runs.
"""
