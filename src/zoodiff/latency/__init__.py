"""Latency as a comparison: interleaved rounds in fresh processes, with A/A controls.

``rounds.py`` measures contestants against each other, ``task.py`` makes records of what a study
asks for. The modules beside them say what is inside the clock (``scope.py``), in which order
(``schedule.py``), and what disturbed the machine meanwhile (``disturbances.py``).
"""
