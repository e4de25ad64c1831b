"""Runs graphs with numpy, in any floating-point type: as frontends make them, and canonical ones.

For the proof by execution: the control in double precision, and networks that no framework has
because one difference was undone in them. One small handler an operator, in the table
``HANDLERS`` of the module that defines it. Slower than a framework, and independent of all.
"""
