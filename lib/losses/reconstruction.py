"""All terms that compare restored with clean, as one module."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lib.losses import terms
from lib.losses.multi_resolution_stft import MultiResolutionSTFT
from lib.losses.pesq import pesq_loss
from lib.losses.terms import N_FFT

# Terms that compare restored with clean
TERMS = ("l1", "spectral", "complex", "mel", "pesq", "over_attenuation")


class ReconstructionLoss(nn.Module):
    """The terms `names` as a dict: `terms(restored, clean, n_samples, bandwidth_hz)`.

    Args:
        names: of `TERMS`.
        high_band_weight: what an error above 4 kHz counts in `spectral`, one below it counting 1.

    Shape:
        - restored, clean: `[B, 1, T]`; n_samples: `[B]` true lengths; bandwidth_hz: `[B]`; each term: scalar `>= 0`

    >>> x = torch.randn(2, 1, 9_600)
    >>> found = ReconstructionLoss()(x, x, torch.tensor([9_600, 4_800]), torch.tensor([24_000.0, 8_000.0]))
    >>> sorted(found) == sorted(TERMS), max(term.item() for term in found.values()) < 1e-3
    (True, True)
    """

    def __init__(self, names: Sequence[str] = TERMS, high_band_weight: float = 1.0):
        super().__init__()
        if unknown := set(names) - set(TERMS):
            raise KeyError(f"no loss term {sorted(unknown)}: there are {', '.join(TERMS)}")
        self.names = tuple(names)
        self.stft = MultiResolutionSTFT(high_band_weight=high_band_weight)
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.register_buffer("mels", terms.mel_filters(), persistent=False)

    def forward(
        self, restored: Tensor, clean: Tensor, n_samples: Tensor, bandwidth_hz: Tensor
    ) -> dict[str, Tensor]:
        """See the class."""
        terms.check_same_shape(restored, clean)
        found = {}
        if "l1" in self.names:
            found["l1"] = terms.l1(restored, clean, n_samples)
        if "spectral" in self.names:
            found["spectral"] = self.stft(restored, clean, n_samples, bandwidth_hz)
        if "pesq" in self.names:
            found["pesq"] = pesq_loss(restored, clean, n_samples).mean()
        if set(self.names) - set(found):
            ours, real = (terms.spectrum(signals, self.window) for signals in (restored, clean))
            frames, inside = n_samples // (N_FFT // 4) + 1, terms.bins_below(bandwidth_hz, N_FFT)
            one = {"complex": terms.complex_distance, "over_attenuation": terms.over_attenuation}
            found |= {
                name: terms.item_mean(one[name](ours, real, inside), frames)
                for name in self.names
                if name in one
            }
        if "mel" in self.names:
            found["mel"] = terms.item_mean(
                terms.mel_distance(ours, real, self.mels, bandwidth_hz), frames
            )
        return found
