"""Data sets and label spaces.

May import the leaves only. Reading images and ImageNet folders comes with the accuracy work;
here are the label spaces and the digits that scikit-learn ships.
"""
