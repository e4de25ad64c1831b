"""Keeps frameworks out of the processes of tests that need none."""
