"""The command line: ``commands`` holds one file per command, ``render`` what they print.

Modules here import Typer and nothing slow at their top, so that ``zoodiff --help`` answers at
once; what a command needs it imports when it runs.
"""
