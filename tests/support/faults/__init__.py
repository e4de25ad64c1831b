"""Injects faults into runs and checks what comes of them: ``python -m support.faults.campaign``."""
