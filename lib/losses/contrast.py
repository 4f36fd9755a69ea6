"""How far harmonics stand out within a band: the contrast that a mean over outcomes loses.

A network that is unsure gives each bin the level in the middle of what may be right. So harmonics
and the gaps between them come out closer together than in any recording. Their contrast can be told
from other frames and bins, even where single levels cannot.
"""

import torch
from torch import Tensor

from lib.losses.terms import dominant_bins, power

FLOOR = 1e-10  # power, re a full-scale sine
MIN_BINS = 4  # of a band: in narrower ones there is no contrast
HIGHEST_HZ = 12_000.0  # harmonics are not resolved above


def contrast_distance(
    restored: Tensor, target: Tensor, inside: Tensor, bands: Tensor, n_frames: Tensor
) -> Tensor:
    """Distance of the spectral flatness within ERB bands, in dB: `[B]`.

    Flatness is the mean level less the level of the mean power: 0 dB for equal bins, far below for
    a few that stand out. Bands count in which dominant bins hold most of the power.

    Args:
        bands: `band_matrix(513)`.

    Shapes are those of `dominant_bins`; of each item `n_frames [B]` count.

    >>> from lib.deepfilter.grid import band_matrix
    >>> flat = torch.ones(1, 513, 1) + 0j
    >>> comb = flat * torch.tensor([1.0, 0.1]).repeat(257)[None, :513, None]
    >>> given = torch.ones(1, 513), torch.from_numpy(band_matrix(513)), torch.tensor([1])
    >>> [round(contrast_distance(x, flat, *given).item(), 1) for x in (flat, comb, 0.5 * comb)]
    [0.0, 7.0, 7.0]
    """
    used = bands[:, _wide_bands(bands)]
    counts = (torch.arange(target.shape[2], device=target.device) < n_frames[:, None])[:, None]
    weights = inside[..., None]
    dominant = dominant_bins(target * counts, inside)
    powers = power(target * counts) * weights
    of_dominant, of_all = _sums(powers * dominant, used), _sums(powers, used)
    # A band that ends above the bandwidth has no contrast to compare.
    is_whole = _sums(weights, used) == used.sum(0)[:, None]
    carries_voice = (of_dominant > 0.5 * of_all) & is_whole
    distance = (_flatness_db(restored, used) - _flatness_db(target, used)).abs()
    return (distance * carries_voice).sum((1, 2)) / carries_voice.sum((1, 2)).clamp(min=1)


def _flatness_db(z: Tensor, bands: Tensor) -> Tensor:
    widths = bands.sum(0)[:, None]
    powers = power(z) + FLOOR
    mean_db = 10 * _sums(torch.log10(powers), bands) / widths
    return mean_db - 10 * torch.log10(_sums(powers, bands) / widths)


def _wide_bands(bands: Tensor) -> Tensor:
    n_below = round(HIGHEST_HZ / 24_000 * (len(bands) - 1))
    return (bands.sum(0) >= MIN_BINS) & (bands[n_below:].sum(0) == 0)


def _sums(x: Tensor, bands: Tensor) -> Tensor:
    """Over the bins `[B, F, frames]` of each band: `[B, n_bands, frames]`."""
    return torch.einsum("bft,fe->bet", x, bands)
