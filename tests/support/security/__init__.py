"""Hostile files and sound ones, each written by a function."""
