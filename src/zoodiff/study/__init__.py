"""Studies: a study file becomes a plan, the plan tasks, the tasks records, the records one result.

``config`` reads study files, ``plan`` turns one into tasks, ``run`` works through them and can be
interrupted at any point, ``assemble`` makes the ``StudyResult`` that reports show. May import
``accuracy``, ``latency`` and everything below.
"""
