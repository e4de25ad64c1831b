"""Data sets and label spaces.

``layouts`` lists the images of a data set, ``labels`` says what classes mean, ``digits`` is the
data set that scikit-learn ships. May import the leaves only.
"""
