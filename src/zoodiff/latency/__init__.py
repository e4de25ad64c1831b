"""Latency as a comparison: interleaved rounds in fresh processes, with A/A controls.

``benchmark`` measures entries against each other, ``comparison`` and ``verdicts`` judge the
ratios, ``record_keys`` and ``recorded`` find what was measured before, ``study_task`` makes
records, ``attribution`` says where a difference comes from. ``conditions`` says what is inside the
clock, ``ordering`` in which order entries take turns, ``system_noise`` what disturbed the machine
meanwhile. May import ``equivalence`` and everything below, never ``accuracy``.
"""
