"""Distance of two log spectra at several resolutions, in dB."""

import torch
from torch import Tensor, nn

from lib.losses.terms import FLOOR_DB, bins_below, check_same_shape, item_mean, level_db, spectrum

N_FFTS = (512, 1024, 2048)  # 11, 21 and 43 ms at 48 kHz: plosives, syllables, pitch
FLOOR = 10 ** (FLOOR_DB / 10)  # power, re a full-scale sine
HIGH_HZ = 4000.0  # lower edge of the band that `high_band_weight` weighs


class MultiResolutionSTFT(nn.Module):
    """Mean distance of two log spectra over several windows, in dB; safe on silence.

    The level of a bin is `10 log10(|X|^2 + FLOOR)`. This floor is soft: a bin that noise
    suppression has emptied still has a gradient.

    Args:
        high_band_weight: factor of a difference at or above 4 kHz; below, the factor is 1. It acts
            on the differences of levels, since a factor on both magnitudes would cancel out. The
            sum is divided by the number of bins, not by their weights.

    Shape:
        - restored, clean: `[B, 1, T]`; n_samples: `[B]` true lengths; bandwidth_hz: `[B]`
        - loss: scalar in dB, `>= 0`

    >>> t = torch.arange(9_600) / 48_000
    >>> tone = 0.5 * torch.sin(2 * torch.pi * 3_000 * t)[None, None]
    >>> stft = MultiResolutionSTFT()
    >>> round(stft.level(tone, 512).max().item(), 1)
    -6.0
    """

    def __init__(self, high_band_weight: float = 1.0):
        super().__init__()
        self.high_band_weight = high_band_weight
        # Buffers follow .to(device). They are no weights, so they are not saved.
        for n_fft in N_FFTS:
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def level(self, signals: Tensor, n_fft: int) -> Tensor:
        """Spectrogram in dB, `[B, n_fft // 2 + 1, frames]`; a full-scale sine peaks at 0."""
        return level_db(spectrum(signals, self.get_buffer(f"window_{n_fft}")), FLOOR)

    def forward(
        self, restored: Tensor, clean: Tensor, n_samples: Tensor, bandwidth_hz: Tensor
    ) -> Tensor:
        """The loss; arguments as in the class."""
        check_same_shape(restored, clean)
        terms = []
        for n_fft in N_FFTS:
            difference = (self.level(restored, n_fft) - self.level(clean, n_fft)).abs()
            high = bins_below(torch.full_like(bandwidth_hz, HIGH_HZ), n_fft) == 0
            inside = bins_below(bandwidth_hz, n_fft)
            weights = inside * torch.where(high, self.high_band_weight, 1.0)
            total = torch.einsum("bft,bf->bt", difference, weights)  # [B, frames]
            per_frame = total / inside.sum(1, keepdim=True)
            # Frames are centred, so there is one more than whole hops.
            terms.append(item_mean(per_frame, n_samples // (n_fft // 4) + 1))
        return torch.stack(terms).mean()
