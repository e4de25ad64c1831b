"""Every parser of foreign bytes as a function from bytes to nothing, and what drives them.

A target lets ``ZoodiffError`` pass and nothing else; seeds are made by scripts.
``support.fuzzing.run`` drives all targets with atheris, ``tests/fuzz/test_targets.py`` does with
Hypothesis for a moment.
"""
