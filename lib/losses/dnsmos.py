"""DNSMOS P.835 as a loss: a network that learned from listeners rates restored alone.

So DNSMOS P.835 is no witness for a training with this loss. The jury is: none of its judges is this
network.
"""

import torch
from torch import Tensor

from lib.metrics.dnsmos_network import dnsmos_network

HIGHEST_RATING = 5.0


def dnsmos_loss(restored: Tensor, n_samples: Tensor, dtype: torch.dtype) -> Tensor:
    """What the mean of the three ratings lacks to 5 points: `[B]`. Shapes as in `Dnsmos`.

    Args:
        dtype: of the convolutions.
    """
    network = dnsmos_network(str(restored.device))
    return HIGHEST_RATING - network(restored, n_samples, dtype).mean(1)
