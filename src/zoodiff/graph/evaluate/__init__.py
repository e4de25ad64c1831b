"""Runs canonical graphs with numpy, in any floating-point type.

For the proof by execution: the control in double precision, and networks that no framework has
because one difference was undone in them. One small handler an operator, in the table of the
module that defines it. Slow next to a framework, and independent of all of them.
"""
