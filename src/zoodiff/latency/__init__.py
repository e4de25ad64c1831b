"""Compare latencies: interleaved rounds in fresh processes, with A/A controls.

``benchmark`` times entries in the same rounds; ``comparison`` and ``verdicts`` judge the ratios.
``records`` finds and reads earlier measurements, ``study_task`` writes records, and ``attribution``
decomposes a difference into causes. ``conditions`` lists what shapes a latency, ``ordering`` yields
the order of the entries, ``system_noise`` reads what disturbed the machine. May import
``equivalence`` and everything below, never ``accuracy``.
"""
