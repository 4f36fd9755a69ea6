"""The moving average of the generator's weights: it is validated, kept and released."""

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, position: int) -> None:
    """Take one step of an exponential moving average of the weights.

    Early in a training it spans at most a tenth of the steps so far, so that the random weights of
    the beginning are soon forgotten.

    Args:
        decay: weight of the average so far, in `[0, 1)`; 0 copies `network`.
        position: optimiser steps before this one.

    >>> average, network = (nn.Linear(1, 1, bias=False).requires_grad_(False) for _ in range(2))
    >>> _ = average.weight.fill_(0.0), network.weight.fill_(1.0)
    >>> update_average(average, network, 0.999, position=0)
    >>> round(average.weight.item(), 3)
    0.9
    """
    decay = min(decay, (1 + position) / (10 + position))
    # Parameters alone: the generators' buffers are windows, which never change.
    get_ema_multi_avg_fn(decay)(list(average.parameters()), list(network.parameters()), None)
