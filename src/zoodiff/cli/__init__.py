"""The command line: one file a command, each a few lines over the API.

Modules here import Typer and nothing slow at their top, so that ``zoodiff --help`` answers at
once; what a command needs it imports when it runs.
"""
