"""PyTorch: programs of ``torch.export`` to the canonical graph."""
