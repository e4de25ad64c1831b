"""The zoo ``hf``: networks of transformers, of the Hugging Face hub, and of folders like its own.

``image_processor`` reads configurations of image processors and imports no framework.
"""
