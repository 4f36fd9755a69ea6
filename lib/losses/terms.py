"""What training minimises: named terms, weighted by the same names. Signals are `[B, 1, T]` at 48 kHz.

Each term is the mean over items of the item's own mean; what lies behind an item's length or above its bandwidth is not counted.
Argument order is (estimate, reference), as everywhere.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.deepfilter.grid import SAMPLE_RATE
from lib.models.spectral import COMPRESSION, POWER_FLOOR, compress

N_FFT = 1024  # of the terms that hear one resolution
N_MELS = 80
FLOOR_DB = -80.0  # re a full-scale sine: the floor of the scores (lib.metrics)


def l1(restored: Tensor, clean: Tensor, n_samples: Tensor) -> Tensor:
    """Mean absolute difference of the samples.

    >>> l1(torch.ones(1, 1, 8), torch.zeros(1, 1, 8), torch.tensor([8])).item()
    1.0
    """
    check_same_shape(restored, clean)
    return item_mean((restored - clean).abs()[:, 0], n_samples)


def spectrum(signals: Tensor, window: Tensor) -> Tensor:
    """`[B, 1, T]` -> complex `[B, F, frames]`, a full-scale sine at magnitude 1; hop a quarter of the window, float32."""
    n_fft = len(window)
    z = torch.stft(
        signals[:, 0].float(),
        n_fft,
        n_fft // 4,
        window=window,
        return_complex=True,
        pad_mode="constant",
    )
    return z * (2 / window.sum())


def bins_below(bandwidth_hz: Tensor, n_fft: int) -> Tensor:
    """1 for the bins `[B, n_fft // 2 + 1]` below each item's bandwidth, else 0.

    >>> bins_below(torch.tensor([12_000.0]), 8).tolist()
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
    magnitude = (power(ours) + POWER_FLOOR).pow(COMPRESSION / 2) - (power(real) + POWER_FLOOR).pow(
        COMPRESSION / 2
    )
    return bin_mean(0.5 * (phase + magnitude.square()), inside)


def over_attenuation(
    ours: Tensor, real: Tensor, inside: Tensor, floor_db: float = FLOOR_DB
) -> Tensor:
    """Energy that is missing where clean has it, in dB: `[B, frames]`, mean over bins; what is too much costs nothing.

    >>> loud, quiet = torch.ones(1, 4, 2) + 0j, 0.5 * torch.ones(1, 4, 2) + 0j
    >>> [round(over_attenuation(a, b, torch.ones(1, 4)).mean().item(), 2) for a, b in ((quiet, loud), (loud, quiet))]
    [6.02, 0.0]
    """
    floor = 10 ** (floor_db / 10)
    return bin_mean(F.relu(level_db(real, floor) - level_db(ours, floor)), inside)


def mel_distance(
    ours: Tensor, real: Tensor, mels: Tensor, bandwidth_hz: Tensor, floor_db: float = FLOOR_DB
) -> Tensor:
    """Distance of the levels of 80 mel bands, in dB: `[B, frames]`, mean over the bands that end below the bandwidth."""
    floor, n_bins = 10 ** (floor_db / 10), mels.shape[0]
    levels = [
        10 * torch.log10(torch.einsum("bft,fm->bmt", power(z), mels) + floor) for z in (ours, real)
    ]
    hz = torch.linspace(0, SAMPLE_RATE / 2, n_bins, device=mels.device)
    ends_hz = ((mels > 0) * hz[:, None]).amax(0)  # of each band
    inside = (ends_hz < bandwidth_hz[:, None]).float()
    inside[:, 0] = 1.0
    return bin_mean((levels[0] - levels[1]).abs(), inside)


def mel_filters() -> Tensor:
    """`[513, 80]`: Slaney's mel scale up to 24 kHz; each band's weights add up to one.

    >>> filters = mel_filters()
    >>> list(filters.shape), bool((filters.sum(0) - 1).abs().max() < 1e-5)
    ([513, 80], True)
    """
    from torchaudio.functional import melscale_fbanks

    filters = melscale_fbanks(
        N_FFT // 2 + 1, 0.0, SAMPLE_RATE / 2, N_MELS, SAMPLE_RATE, None, "slaney"
    )
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


def power(z: Tensor) -> Tensor:
    return z.real.square() + z.imag.square()


def level_db(z: Tensor, floor: float) -> Tensor:
    return 10 * torch.log10(power(z) + floor)


def bin_mean(values: Tensor, inside: Tensor) -> Tensor:
    """`[B, F, frames]` -> `[B, frames]`, over the bins that count."""
    return torch.einsum("bft,bf->bt", values, inside) / inside.sum(1, keepdim=True)


def item_mean(values: Tensor, lengths: Tensor) -> Tensor:
    """Mean over items of the mean over the first `lengths[b]` of `values [B, N]`."""
    inside = torch.arange(values.shape[1], device=values.device) < lengths[:, None]
    return ((values * inside).sum(1) / inside.sum(1)).mean()


def check_same_shape(restored: Tensor, clean: Tensor) -> None:
    if restored.shape != clean.shape or restored.ndim != 3:
        raise ValueError(
            f"restored {tuple(restored.shape)}, clean {tuple(clean.shape)}: expected [B, 1, T] twice"
        )
