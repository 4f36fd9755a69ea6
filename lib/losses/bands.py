"""Levels of ERB bands, compared with what a generator of gains can reach."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.losses.terms import dominant_bins, power
from lib.models.bands import MAX_GAIN_DB

FLOOR_DB = -95.0  # of the level of a band, re a full-scale sine
FAINT_WEIGHT = 0.5  # of bands that do not carry the voice


def band_distance(
    restored: Tensor,
    target: Tensor,
    enhanced: Tensor,
    bands: Tensor,
    inside: Tensor,
    n_frames: Tensor,
) -> Tensor:
    """Distance of the levels of ERB bands to those that gains of 6 dB can reach, in dB: `[B]`.

    It counts in bands in which dominant bins hold most of the power. What lies beyond 6 dB of
    enhanced draws no further: there is nothing to be made louder. The other bands may not get
    louder, and that counts half. They need not get quieter: ViSQOL minds it.

    Args:
        bands: `band_matrix(513)`.

    Shapes are those of `dominant_bins`; of each item `n_frames [B]` count.

    >>> from lib.deepfilter.grid import band_matrix
    >>> flat, n_frames = torch.ones(1, 513, 1) + 0j, torch.tensor([1])
    >>> given = torch.from_numpy(band_matrix(513)), torch.ones(1, 513), n_frames
    >>> [round(band_distance(flat, gain * flat, flat, *given).item(), 2) for gain in (1.5, 100)]
    [3.52, 6.0]
    """
    floor = 10 ** (FLOOR_DB / 10)
    signals = restored, target, enhanced
    levels, goal, start = (
        10 * torch.log10(torch.einsum("bft,fe->bet", power(z) * inside[..., None], bands) + floor)
        for z in signals
    )
    goal = goal.clamp(start - MAX_GAIN_DB, start + MAX_GAIN_DB)
    counts = (torch.arange(target.shape[2], device=target.device) < n_frames[:, None])[:, None]
    powers = power(target * counts) * inside[..., None]
    parts = powers * dominant_bins(target * counts, inside)
    of_dominant, of_all = (torch.einsum("bft,fe->bet", x, bands) for x in (parts, powers))
    carries_voice = of_dominant > 0.5 * of_all
    louder = FAINT_WEIGHT * F.relu(levels - start)
    # NaN in the target stays NaN, so that a training step refuses it.
    distance = torch.where(carries_voice, (levels - goal).abs(), louder) + 0.0 * goal
    weights = torch.where(carries_voice, 1.0, FAINT_WEIGHT) * counts
    return (distance * counts).sum((1, 2)) / weights.sum((1, 2)).clamp(min=1)
