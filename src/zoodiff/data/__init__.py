"""Data sets and label spaces.

``layouts`` lists the images of a data set, ``labels`` defines label spaces and maps one to
another, ``digits`` is the data set that scikit-learn ships. May import the leaves only.
"""
