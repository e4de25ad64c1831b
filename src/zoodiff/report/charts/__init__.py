"""The charts that a report has without scripts, as SVG.

``inline`` draws the bar or dot in a table's row, ``scatter`` a chart with axes. May import
``words`` and everything below ``report``; the charts of the scripts are in ``assets/app``.
"""
