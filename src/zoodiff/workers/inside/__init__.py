"""The code inside a worker process: its start, its main loop, and the handlers of requests.

Uses only the standard library and numpy, until a backend imports its framework.
"""
