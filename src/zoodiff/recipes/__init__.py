"""Audit of published preprocessings (recipes) in pixels.

``published`` collects what zoos publish for shared names, ``own_code`` runs the zoos' code and
holds it against the specification, ``attribution`` finds the steps in which two recipes differ,
``audit`` does all of it. May import ``engines`` and everything below, never ``accuracy`` or
``latency``.
"""
