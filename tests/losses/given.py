"""Signals that tests of the losses share."""

import torch
from torch import Tensor

RATE = 48_000
FULL_BAND = torch.tensor([24_000.0])  # bandwidth of one item, Hz


def tone(hz: float, amplitude: float = 0.5, n_samples: int = RATE) -> Tensor:
    phase = 2 * torch.pi * hz * torch.arange(n_samples).double() / RATE
    return amplitude * torch.sin(phase).float()[None, None]


def noise(amplitude: float) -> Tensor:
    """One second of it."""
    return amplitude * torch.randn(1, 1, RATE, generator=torch.Generator().manual_seed(0))


def impulse(x: Tensor) -> Tensor:
    return torch.zeros_like(x).index_fill(2, torch.tensor([1_000]), 1.0)


def whole_length(x: Tensor) -> Tensor:
    """`n_samples` of items without padding."""
    return torch.tensor([x.shape[-1]] * x.shape[0])
