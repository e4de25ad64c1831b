"""What runs inside a worker process: its start, its loop, and how it answers each request.

Standard library and numpy only, until a backend imports its framework.
"""
