"""What is done to the noisy spectrum: mask, filter over time, post-filter, limit of attenuation.

In all functions spectra are complex, `[B, frames, 481]`.
"""

import math

import torch
from torch import Tensor

from lib.deepfilter.grid import N_DF, ORDER


def erb_mask(spectra: Tensor, gains: Tensor, bands: Tensor) -> Tensor:
    """Every bin times the gain of its band; gains `[B, frames, 32]`, bands `[481, 32]`."""
    return spectra * (gains @ bands.T)


def deep_filter(spectra: Tensor, taps: Tensor) -> Tensor:
    """The low bins as a sum of five frames, each times its tap: `[B, frames, 96]`.

    `spectra` begins four frames earlier than `taps` `[B, frames, 96, 5]`, which are complex.

    >>> taps = torch.zeros(1, 3, 96, 5, dtype=torch.complex64)
    >>> taps[..., 2] = 1.0
    >>> spectra = torch.arange(7.0)[None, :, None].expand(1, 7, 481) + 0j
    >>> deep_filter(spectra, taps)[0, :, 0].real
    tensor([2., 3., 4.])
    """
    n_frames = taps.shape[1]
    return sum(spectra[:, k : k + n_frames, :N_DF] * taps[..., k] for k in range(ORDER))


def post_filter(filtered: Tensor, noisy: Tensor, beta: float) -> Tensor:
    """Attenuate bins further that are attenuated already.

    Valin et al., "A Perceptually-Motivated Approach for Low-Complexity, Real-Time Enhancement of
    Fullband Speech", 2020.
    """
    # The floors keep the sine below away from zero.
    gain = (filtered.abs() / (noisy.abs() + 1e-12)).clamp(1e-12, 1.0)
    factor = (1 + beta) / (1 + beta * torch.sin(gain * (math.pi / 2)).pow(-2))
    # Upstream's runtime works on four bins at once and leaves the 481st alone.
    factor[..., -1] = 1.0
    return filtered * factor


def limit_attenuation(filtered: Tensor, noisy: Tensor, limit_db: float) -> Tensor:
    """Mix so much of `noisy` in that what was removed is only `limit_db` lower.

    >>> limit_attenuation(torch.zeros(1), torch.ones(1), 20.0)
    tensor([0.1000])
    """
    # Upstream takes the limit with either sign.
    share = 10 ** (-abs(limit_db) / 20)
    return filtered * (1 - share) + noisy * share
