"""Scan PyTorch's files that hold code: TorchScript, and programs of torch.export.

``script`` and ``program`` each scan one format; both read the archive through ``torch_archive`` and
judge names by the list in ``operators``.
"""
