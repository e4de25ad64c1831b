"""Small random networks of timm's families and torchvision's tasks, for `zoo_matrix.py`.

They are `Sample` of `small_transformers`, whose exports and questions they share.
"""
