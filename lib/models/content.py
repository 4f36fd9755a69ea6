"""A hash of a network's weights: equal weights have equal hashes, wherever they are stored."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor


def content_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and values, whatever the order.

    >>> weights = {"bias": torch.zeros(2), "weight": torch.ones(2, 3)}
    >>> content_hash(weights) == content_hash(dict(reversed(weights.items())))
    True
    >>> content_hash(weights) == content_hash(weights | {"bias": torch.zeros(1, 2)})
    False
    """
    found = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        # As bytes, since NumPy does not know every type. A scalar has no axis to view.
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
