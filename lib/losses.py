"""What training minimises: named terms, weighted by the same names. Signals are `[B, 1, T]` at 48 kHz.

Each term is the mean over items of the item's own mean; what lies behind an item's length or above its bandwidth is not counted.
Argument order is (estimate, reference), as everywhere.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

N_FFTS = (512, 1024, 2048)  # 11, 21 and 43 ms at 48 kHz: plosives, syllables, pitch
FLOOR_DB = -80.0  # re a full-scale sine: the floor of the scores (lib.metrics)


def l1(restored: Tensor, clean: Tensor, n_samples: Tensor) -> Tensor:
    """Mean absolute difference of the samples.

    >>> l1(torch.ones(1, 1, 8), torch.zeros(1, 1, 8), torch.tensor([8])).item()
    1.0
    """
    _same_shape(restored, clean)
    return _item_mean((restored - clean).abs()[:, 0], n_samples)


class MultiResolutionSTFT(nn.Module):
    """Mean distance of two log spectra over several windows, in dB; safe on silence.

    The floor is soft, `10 log10(|X|^2 + floor^2)`: a bin that the first stage has emptied still has a gradient.

    Args:
        n_ffts: window lengths in samples; the hop is a quarter of each.
        floor_db: level that both spectra fade into (dB re a full-scale sine).

    Shape:
        - restored, clean: `[B, 1, T]`; n_samples: `[B]` true lengths; bandwidth_hz: `[B]`; loss: scalar in dB, `>= 0`

    >>> t = torch.arange(9_600) / 48_000
    >>> tone = 0.5 * torch.sin(2 * torch.pi * 3_000 * t)[None, None]
    >>> stft = MultiResolutionSTFT((512,))
    >>> round(stft.level(tone, 512).max().item(), 1)
    -6.0
    """

    def __init__(self, n_ffts: Sequence[int] = N_FFTS, floor_db: float = FLOOR_DB, sample_rate: int = 48_000):
        super().__init__()
        self.n_ffts, self.floor, self.sample_rate = tuple(n_ffts), 10 ** (floor_db / 10), sample_rate
        for n_fft in self.n_ffts:  # buffers follow .to(device); they are no weights, so they are not saved
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def level(self, signals: Tensor, n_fft: int) -> Tensor:
        """Spectrogram in dB, `[B, n_fft // 2 + 1, frames]`; a full-scale sine peaks at 0."""
        window = self.get_buffer(f"window_{n_fft}")
        z = torch.stft(signals[:, 0], n_fft, n_fft // 4, window=window, return_complex=True, pad_mode="constant")
        power = (z.real.square() + z.imag.square()) * (2 / window.sum()) ** 2
        return 10 * torch.log10(power + self.floor)

    def forward(self, restored: Tensor, clean: Tensor, n_samples: Tensor, bandwidth_hz: Tensor) -> Tensor:
        _same_shape(restored, clean)
        terms = []
        for n_fft in self.n_ffts:
            difference = (self.level(restored, n_fft) - self.level(clean, n_fft)).abs()
            hz = torch.linspace(0, self.sample_rate / 2, n_fft // 2 + 1, device=clean.device)
            inside = (hz < bandwidth_hz[:, None]).to(difference.dtype)  # [B, F]
            per_frame = torch.einsum("bft,bf->bt", difference, inside) / inside.sum(1, keepdim=True)
            terms.append(_item_mean(per_frame, n_samples // (n_fft // 4) + 1))
        return torch.stack(terms).mean()


def band_limit(signals: Tensor, bandwidth_hz: Tensor, sample_rate: int = 48_000) -> Tensor:
    """Take away what lies above each item's bandwidth, so that neither losses nor discriminators hear it.

    >>> highest = torch.tensor([1.0, -1.0]).repeat(2_400)[None, None]  # 24 kHz
    >>> band_limit(highest, torch.tensor([11_025.0])).abs().max().item() < 1e-6
    True
    """
    if (bandwidth_hz >= sample_rate / 2).all():
        return signals
    n = signals.shape[-1]
    hz = torch.linspace(0, sample_rate / 2, n // 2 + 1, device=signals.device)
    spectrum = torch.fft.rfft(signals.float()) * (hz <= bandwidth_hz[:, None, None])
    return torch.fft.irfft(spectrum, n=n)


def discriminator(scores_clean: list[Tensor], scores_restored: list[Tensor]) -> Tensor:
    """Least squares (1611.04076): clean towards 1, restored towards 0; the mean over the ensemble.

    >>> discriminator([torch.ones(2)], [torch.zeros(2)]).item()
    0.0
    """
    pairs = zip(scores_clean, scores_restored, strict=True)
    return torch.stack([(1 - clean).square().mean() + restored.square().mean() for clean, restored in pairs]).mean()


def adversarial(scores_restored: list[Tensor]) -> Tensor:
    """Least squares, the generator's side: restored towards 1.

    >>> adversarial([torch.zeros(2)]).item()
    1.0
    """
    return torch.stack([(1 - score).square().mean() for score in scores_restored]).mean()


def features(restored: list[list[Tensor]], clean: list[list[Tensor]]) -> Tensor:
    """Feature matching (1910.06711): distance of all activations but the score, relative to the size of the clean ones."""
    terms = [
        F.l1_loss(ours, real.detach()) / real.detach().abs().mean().clamp(min=1e-4)
        for maps, real_maps in zip(restored, clean, strict=True)
        for ours, real in zip(maps[:-1], real_maps[:-1], strict=True)
    ]
    return torch.stack(terms).mean()


def weighted_sum(terms: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """The total. Both dicts must name the same terms: a misspelt weight is an error, not a zero.

    >>> weighted_sum({"l1": torch.tensor(2.0)}, {"l1": 50.0}).item()
    100.0
    """
    if terms.keys() != weights.keys():
        raise KeyError(f"loss terms {sorted(terms)}, but weights for {sorted(weights)}")
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


def _item_mean(values: Tensor, lengths: Tensor) -> Tensor:
    """Mean over items of the mean over the first `lengths[b]` of `values [B, N]`."""
    inside = torch.arange(values.shape[1], device=values.device) < lengths[:, None]
    return ((values * inside).sum(1) / inside.sum(1)).mean()


def _same_shape(restored: Tensor, clean: Tensor) -> None:
    if restored.shape != clean.shape or restored.ndim != 3:
        raise ValueError(f"restored {tuple(restored.shape)}, clean {tuple(clean.shape)}: expected [B, 1, T] twice")
