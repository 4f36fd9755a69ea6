"""What training minimises: named terms, weighted by the same names. Signals are `[B, 1, T]` at 48 kHz.

Each term is the mean over items of the item's own mean; what lies behind an item's length or above its bandwidth is not counted.
Argument order is (estimate, reference), as everywhere.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter import SAMPLE_RATE
from lib.disturbance import points_lost
from lib.spectral import COMPRESSION, TINY, compress

N_FFTS = (512, 1024, 2048)  # 11, 21 and 43 ms at 48 kHz: plosives, syllables, pitch
N_FFT = 1024  # of the terms that hear one resolution
N_MELS = 80
FLOOR_DB = -80.0  # re a full-scale sine: the floor of the scores (lib.metrics)
HIGH_HZ = 4000.0  # where the highs begin that may weigh more
# Terms that compare restored with clean
NAMES = ("l1", "spectral", "complex", "mel", "disturbance", "over_attenuation")


class Terms(nn.Module):
    """The terms `names` as a dict: `terms(restored, clean, n_samples, bandwidth_hz)`.

    Args:
        names: of `NAMES`.
        high_weight: what an error above 4 kHz counts in `spectral`, one below it counting 1.

    Shape:
        - restored, clean: `[B, 1, T]`; n_samples: `[B]` true lengths; bandwidth_hz: `[B]`; each term: scalar `>= 0`

    >>> x = torch.randn(2, 1, 9_600)
    >>> found = Terms()(x, x, torch.tensor([9_600, 4_800]), torch.tensor([24_000.0, 8_000.0]))
    >>> sorted(found) == sorted(NAMES), max(term.item() for term in found.values()) < 1e-3
    (True, True)
    """

    def __init__(self, names: Sequence[str] = NAMES, high_weight: float = 1.0):
        super().__init__()
        if unknown := set(names) - set(NAMES):
            raise KeyError(f"no loss term {sorted(unknown)}: there are {', '.join(NAMES)}")
        self.names = tuple(names)
        self.stft = MultiResolutionSTFT(high_weight=high_weight)
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.register_buffer("mels", mel_filters(), persistent=False)

    def forward(self, restored: Tensor, clean: Tensor, n_samples: Tensor, bandwidth_hz: Tensor) -> dict[str, Tensor]:
        """See the class."""
        _same_shape(restored, clean)
        found = {}
        if "l1" in self.names:
            found["l1"] = l1(restored, clean, n_samples)
        if "spectral" in self.names:
            found["spectral"] = self.stft(restored, clean, n_samples, bandwidth_hz)
        if "disturbance" in self.names:
            found["disturbance"] = points_lost(restored, clean, n_samples).mean()
        if set(self.names) - set(found):
            ours, real = (spectrum(signals, self.window) for signals in (restored, clean))
            frames, inside = n_samples // (N_FFT // 4) + 1, below(bandwidth_hz, N_FFT)
            one = {"complex": complex_distance, "over_attenuation": over_attenuation}
            found |= {name: _item_mean(one[name](ours, real, inside), frames) for name in self.names if name in one}
        if "mel" in self.names:
            found["mel"] = _item_mean(mel_distance(ours, real, self.mels, bandwidth_hz), frames)
        return found


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
        high_weight: what a difference in a bin at or above 4 kHz is multiplied with; below it counts 1. It acts on the
            difference, not on the magnitudes, where it would cancel out, and the sum is divided by the number of bins, not by
            their weights.

    Shape:
        - restored, clean: `[B, 1, T]`; n_samples: `[B]` true lengths; bandwidth_hz: `[B]`; loss: scalar in dB, `>= 0`

    >>> t = torch.arange(9_600) / 48_000
    >>> tone = 0.5 * torch.sin(2 * torch.pi * 3_000 * t)[None, None]
    >>> stft = MultiResolutionSTFT((512,))
    >>> round(stft.level(tone, 512).max().item(), 1)
    -6.0
    """

    def __init__(self, n_ffts: Sequence[int] = N_FFTS, floor_db: float = FLOOR_DB, high_weight: float = 1.0):
        super().__init__()
        self.n_ffts, self.floor, self.high_weight = tuple(n_ffts), 10 ** (floor_db / 10), high_weight
        for n_fft in self.n_ffts:  # buffers follow .to(device); they are no weights, so they are not saved
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def level(self, signals: Tensor, n_fft: int) -> Tensor:
        """Spectrogram in dB, `[B, n_fft // 2 + 1, frames]`; a full-scale sine peaks at 0."""
        return _level_db(spectrum(signals, self.get_buffer(f"window_{n_fft}")), self.floor)

    def forward(self, restored: Tensor, clean: Tensor, n_samples: Tensor, bandwidth_hz: Tensor) -> Tensor:
        """See the class."""
        _same_shape(restored, clean)
        terms = []
        for n_fft in self.n_ffts:
            difference = (self.level(restored, n_fft) - self.level(clean, n_fft)).abs()
            high = below(torch.full_like(bandwidth_hz, HIGH_HZ), n_fft) == 0
            inside = below(bandwidth_hz, n_fft)
            weights = inside * torch.where(high, self.high_weight, 1.0)
            per_frame = torch.einsum("bft,bf->bt", difference, weights) / inside.sum(1, keepdim=True)
            terms.append(_item_mean(per_frame, n_samples // (n_fft // 4) + 1))
        return torch.stack(terms).mean()


def spectrum(signals: Tensor, window: Tensor) -> Tensor:
    """`[B, 1, T]` -> complex `[B, F, frames]`, a full-scale sine at magnitude 1; hop a quarter of the window, float32."""
    n_fft = len(window)
    z = torch.stft(signals[:, 0].float(), n_fft, n_fft // 4, window=window, return_complex=True, pad_mode="constant")
    return z * (2 / window.sum())


def below(bandwidth_hz: Tensor, n_fft: int) -> Tensor:
    """1 for the bins `[B, n_fft // 2 + 1]` below each item's bandwidth, else 0.

    >>> below(torch.tensor([12_000.0]), 8).tolist()
    [[1.0, 1.0, 0.0, 0.0, 0.0]]
    """
    hz = torch.linspace(0, SAMPLE_RATE / 2, n_fft // 2 + 1, device=bandwidth_hz.device)
    return (hz < bandwidth_hz[:, None]).float()


def complex_distance(ours: Tensor, real: Tensor, inside: Tensor) -> Tensor:
    """Squared distance of compressed complex spectra and of their magnitudes, half each: `[B, frames]`, mean over bins.

    `z = |X|^0.3 exp(i arg X)`: quiet bins and their phase count, too (Ephrat et al., 1804.03619; Braun and Tashev, 2009.12286).
    """
    ours_z, real_z = (compress(z.real, z.imag) for z in (ours, real))
    phase = (ours_z[0] - real_z[0]).square() + (ours_z[1] - real_z[1]).square()
    magnitude = (_power(ours) + TINY).pow(COMPRESSION / 2) - (_power(real) + TINY).pow(COMPRESSION / 2)
    return _bin_mean(0.5 * (phase + magnitude.square()), inside)


def over_attenuation(ours: Tensor, real: Tensor, inside: Tensor, floor_db: float = FLOOR_DB) -> Tensor:
    """Energy that is missing where clean has it, in dB: `[B, frames]`, mean over bins; what is too much costs nothing.

    >>> loud, quiet = torch.ones(1, 4, 2) + 0j, 0.5 * torch.ones(1, 4, 2) + 0j
    >>> [round(over_attenuation(a, b, torch.ones(1, 4)).mean().item(), 2) for a, b in ((quiet, loud), (loud, quiet))]
    [6.02, 0.0]
    """
    floor = 10 ** (floor_db / 10)
    return _bin_mean(F.relu(_level_db(real, floor) - _level_db(ours, floor)), inside)


def mel_distance(ours: Tensor, real: Tensor, mels: Tensor, bandwidth_hz: Tensor, floor_db: float = FLOOR_DB) -> Tensor:
    """Distance of the levels of 80 mel bands, in dB: `[B, frames]`, mean over the bands that end below the bandwidth."""
    floor, n_bins = 10 ** (floor_db / 10), mels.shape[0]
    levels = [10 * torch.log10(torch.einsum("bft,fm->bmt", _power(z), mels) + floor) for z in (ours, real)]
    hz = torch.linspace(0, SAMPLE_RATE / 2, n_bins, device=mels.device)
    ends_hz = ((mels > 0) * hz[:, None]).amax(0)  # of each band
    inside = (ends_hz < bandwidth_hz[:, None]).float()
    inside[:, 0] = 1.0
    return _bin_mean((levels[0] - levels[1]).abs(), inside)


def mel_filters() -> Tensor:
    """`[513, 80]`: Slaney's mel scale up to 24 kHz; each band's weights add up to one.

    >>> filters = mel_filters()
    >>> list(filters.shape), bool((filters.sum(0) - 1).abs().max() < 1e-5)
    ([513, 80], True)
    """
    from torchaudio.functional import melscale_fbanks

    filters = melscale_fbanks(N_FFT // 2 + 1, 0.0, SAMPLE_RATE / 2, N_MELS, SAMPLE_RATE, None, "slaney")
    return filters / filters.sum(0)


def band_limit(signals: Tensor, bandwidth_hz: Tensor) -> Tensor:
    """Take away what lies above each item's bandwidth, so that neither losses nor discriminators hear it.

    >>> highest = torch.tensor([1.0, -1.0]).repeat(2_400)[None, None]  # 24 kHz
    >>> band_limit(highest, torch.tensor([11_025.0])).abs().max().item() < 1e-6
    True
    """
    if (bandwidth_hz >= SAMPLE_RATE / 2).all():
        return signals
    n = signals.shape[-1]
    hz = torch.linspace(0, SAMPLE_RATE / 2, n // 2 + 1, device=signals.device)
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
    """Feature matching (1910.06711): distance of all activations but the score, relative to the size of the clean item's own."""
    terms = [
        (_item_size(ours - real.detach()) / _item_size(real.detach()).clamp(min=1e-4)).mean()
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


def as_text(terms: dict[str, float]) -> str:
    """Terms in a few words, for progress.

    >>> as_text({"l1": 0.0123, "spectral": 6.0})
    'l1 0.012, spectral 6.000'
    """
    return ", ".join(f"{name} {term:.3f}" for name, term in terms.items())


def _item_size(x: Tensor) -> Tensor:
    """Mean magnitude of each item, summed in single precision whatever the activations' own is."""
    return x.abs().flatten(1).mean(1, dtype=torch.float32)


def _power(z: Tensor) -> Tensor:
    return z.real.square() + z.imag.square()


def _level_db(z: Tensor, floor: float) -> Tensor:
    return 10 * torch.log10(_power(z) + floor)


def _bin_mean(values: Tensor, inside: Tensor) -> Tensor:
    """`[B, F, frames]` -> `[B, frames]`, over the bins that count."""
    return torch.einsum("bft,bf->bt", values, inside) / inside.sum(1, keepdim=True)


def _item_mean(values: Tensor, lengths: Tensor) -> Tensor:
    """Mean over items of the mean over the first `lengths[b]` of `values [B, N]`."""
    inside = torch.arange(values.shape[1], device=values.device) < lengths[:, None]
    return ((values * inside).sum(1) / inside.sum(1)).mean()


def _same_shape(restored: Tensor, clean: Tensor) -> None:
    if restored.shape != clean.shape or restored.ndim != 3:
        raise ValueError(f"restored {tuple(restored.shape)}, clean {tuple(clean.shape)}: expected [B, 1, T] twice")
