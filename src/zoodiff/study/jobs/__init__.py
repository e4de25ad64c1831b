"""The jobs that a study's tasks are cut into, as a slot runs them.

``run_job`` runs one job, whatever its kind. ``differences``, ``explanations`` and ``recipes`` have
many parts per task, which ``keyed_task`` finds in the store, cuts into jobs and collects. May
import the study's ``names`` and ``serialization``, and everything below ``study``.
"""
