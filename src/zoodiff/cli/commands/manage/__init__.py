"""Commands with commands of their own, which manage what this machine keeps.

The virtual environments of zoos, the zoos of a company, the store of results, the index of graphs.
"""
