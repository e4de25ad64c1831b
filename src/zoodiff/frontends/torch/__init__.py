"""PyTorch: converts programs of ``torch.export`` to the canonical graph."""
