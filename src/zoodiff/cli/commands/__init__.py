"""One file per command: options become a request, the API is called, the answer is rendered.

The folder ``manage`` has the commands with commands of their own.
"""
