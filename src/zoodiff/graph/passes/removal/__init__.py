"""Passes that remove nodes: those that change nothing and those that are computed twice."""
