"""Lets the tests of this folder import the package beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# Programs of their own, which need atheris.
collect_ignore_glob = ["fuzzing/*"]
