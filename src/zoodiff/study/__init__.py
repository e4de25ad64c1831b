"""Studies: a study file becomes a plan, the plan tasks, the tasks records, the records one result.

``config`` reads study files, ``plan`` turns one into tasks, ``run`` runs the tasks, cut into
``jobs``, and can be interrupted at any point, ``assemble`` builds the ``StudyResult`` that reports
show. May import ``accuracy``, ``latency`` and everything below.
"""
