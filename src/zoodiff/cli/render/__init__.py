"""The output of commands: tables, progress and explanations as text. Nothing here measures."""
