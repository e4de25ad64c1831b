"""Passes over single operators: one spelling for each, and what is written out put together."""
