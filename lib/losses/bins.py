"""Levels of single bins, compared with what a generator of gains can reach."""

import torch
from torch import Tensor

from lib.losses.terms import dominant_bins, level_db
from lib.models.bins import MAX_GAIN_DB

FLOOR_DB = -90.0  # of the level of a bin, re a full-scale sine
# Weights of bins that do not carry the voice: above and below the target.
FAINT_ABOVE, FAINT_BELOW = 0.3, 0.1


def bin_distance(
    restored: Tensor, target: Tensor, enhanced: Tensor, inside: Tensor, n_frames: Tensor
) -> Tensor:
    """Distance of the levels of bins to those that gains of 12 dB can reach, in dB: `[B]`.

    Dominant bins of the target count whole. What lies beyond 12 dB of enhanced draws no further:
    there is nothing to be made louder. In all other bins the target is the quieter one of clean and
    enhanced; to be above it counts three times as much as to be below.

    Shapes are those of `dominant_bins`; of each item `n_frames [B]` count.

    >>> flat, n_frames = torch.ones(1, 513, 1) + 0j, torch.tensor([1])
    >>> given = torch.ones(1, 513), n_frames
    >>> [round(bin_distance(flat, gain * flat, flat, *given).item(), 2) for gain in (1.5, 100)]
    [3.52, 12.0]
    """
    floor = 10 ** (FLOOR_DB / 10)
    level, goal, start = (level_db(z, floor) for z in (restored, target, enhanced))
    goal = goal.clamp(start - MAX_GAIN_DB, start + MAX_GAIN_DB)
    counts = (torch.arange(target.shape[2], device=target.device) < n_frames[:, None])[:, None]
    is_dominant = dominant_bins(target * counts, inside)
    counts = counts * inside[..., None]
    weights = torch.where(level > goal, FAINT_ABOVE, FAINT_BELOW)
    distance = torch.where(is_dominant, 1.0, weights) * (level - goal).abs()
    n_counted = torch.where(is_dominant, 1.0, 0.5 * (FAINT_ABOVE + FAINT_BELOW)) * counts
    return (distance * counts).sum((1, 2)) / n_counted.sum((1, 2)).clamp(min=1)
