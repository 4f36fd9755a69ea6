"""DeepFilterNet3's STFT grid and ERB bands."""

import math

import torch
from torch import Tensor

from lib.deepfilter.network import N_ERB

SAMPLE_RATE = 48_000
HOP_LENGTH = 480
N_FFT = 960
N_BINS = N_FFT // 2 + 1


def erb_widths() -> list[int]:
    """Bins of each of the 32 bands: equal steps on the ERB scale of Glasberg and Moore, each at least two bins wide.

    >>> widths = erb_widths()
    >>> sum(widths), widths[:6], widths[-2:]
    (481, [2, 2, 2, 2, 2, 2], [56, 67])
    """
    quality = 9.265
    top = quality * math.log1p(SAMPLE_RATE / 2 / (24.7 * quality))
    edges = [24.7 * quality * math.expm1((i + 1) * top / N_ERB / quality) for i in range(N_ERB)]
    widths, edge = [], 0
    for upper in edges:
        widths.append(max(2, round(upper * N_FFT / SAMPLE_RATE) - edge))
        edge += widths[-1]
    widths[-1] += N_BINS - edge
    return widths


def vorbis_window(length: int) -> Tensor:
    """Its square and the square half a length later add up to one.

    >>> window = vorbis_window(960)
    >>> bool(torch.allclose(window[:480] ** 2 + window[480:] ** 2, torch.ones(480)))
    True
    """
    t = (torch.arange(length, dtype=torch.float64) + 0.5) / length
    return torch.sin(math.pi / 2 * torch.sin(math.pi * t) ** 2).float()
