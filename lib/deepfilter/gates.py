"""Gates by the local SNR: which frames get the ERB mask and which the filter over time."""

from collections.abc import Callable

import torch
from torch import Tensor

from lib.deepfilter.settings import Settings

# Gains, complex taps, local SNR in dB, the network's states.
Estimates = tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]


def open_gates(lsnr_db: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """Which frames get the ERB mask, and which of these the filter over time, too.

    >>> settings = Settings(min_db_thresh=-5.0, max_db_erb_thresh=30.0, max_db_df_thresh=15.0)
    >>> open_gates(torch.tensor([-9.0, 0.0, 20.0, 34.0]), settings)
    (tensor([False,  True,  True, False]), tensor([False,  True, False, False]))
    """
    is_masked = (lsnr_db >= settings.min_db_thresh) & (lsnr_db <= settings.max_db_erb_thresh)
    return is_masked, is_masked & (lsnr_db <= settings.max_db_df_thresh)


def gated_estimates(
    estimate: Callable[..., Estimates],
    erb: Tensor,
    low: Tensor,
    states: tuple[Tensor, ...],
    settings: Settings,
) -> Estimates:
    """`estimate(erb, low, states)` frame by frame, with decoders that stand still behind a gate.

    In upstream's runtime a decoder keeps its state over a frame that does not use it. A frame that
    gets no mask has gains of 1, or 0 if it is silenced.
    """
    parts = []
    # The gates of a frame decide on the states that the next one starts from.
    for i in range(erb.shape[1]):
        gains, taps, lsnr_db, after = estimate(erb[:, i : i + 1], low[:, :, i : i + 1], states)
        is_masked, is_filtered = open_gates(lsnr_db, settings)
        # As in `network.STATES`: three of the encoder, one of the ERB decoder, two of the other.
        states = (
            *after[:3],
            _where(is_masked, after[3], states[3]),
            _where(is_filtered, after[4], states[4]),
            _where(is_filtered, after[5], states[5]),
        )
        is_silenced = lsnr_db < settings.min_db_thresh
        bypass = (~is_silenced).to(gains)[..., None]
        parts.append((torch.where(is_masked[..., None], gains, bypass), taps, lsnr_db))
    gains, taps, lsnr_db = (torch.cat(frames, dim=1) for frames in zip(*parts, strict=True))
    return gains, taps, lsnr_db, states


def _where(condition: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """`torch.where` for one condition `[B, 1]` an item of the batch."""
    return torch.where(condition.view(-1, *[1] * (new.dim() - 1)), new, old)
