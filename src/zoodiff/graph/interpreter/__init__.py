"""Runs graphs with numpy, in any floating-point type: frontends' graphs and canonical ones.

The equivalence check runs them in double precision as a control, and runs counterfactuals, which no
framework has. Each operator has one handler, in the table ``HANDLERS`` of its module. The
interpreter is slower than a framework and independent of all frameworks.
"""
