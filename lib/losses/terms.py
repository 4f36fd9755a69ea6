"""The single loss terms, and the means that they share. Signals are `[B, 1, T]` at 48 kHz.

Each term is the mean over items of the mean within an item. Samples behind an item's true length
and bins above its bandwidth do not count. The argument order is (estimate, reference).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.deepfilter.grid import SAMPLE_RATE
from lib.models.compression import COMPRESSION, POWER_FLOOR, compress

N_FFT = 1024  # of the terms with a single resolution: 21 ms at 48 kHz
N_MELS = 80
FLOOR_DB = -80.0  # re a full-scale sine, as in the scores of `lib.metrics`
# A bin is dominant within this of its frame's peak, in frames within this of the loudest frame.
# Many recordings have pauses only 35 dB below speech: they must not count.
DOMINANT_DB, ACTIVE_DB = 35.0, 35.0
# Speech falls by some 6 dB an octave. Between these frequencies its highs are lifted by as much, so
# that the bins of an s are dominant, too.
EMPHASIS_HZ = 1_000.0, 8_000.0


def l1(restored: Tensor, clean: Tensor, n_samples: Tensor) -> Tensor:
    """Mean absolute difference of the samples, a scalar; full scale is 1.

    >>> l1(torch.ones(1, 1, 8), torch.zeros(1, 1, 8), torch.tensor([8])).item()
    1.0
    """
    check_same_shape(restored, clean)
    return item_mean((restored - clean).abs()[:, 0], n_samples)


def spectrum(signals: Tensor, window: Tensor) -> Tensor:
    """`[B, 1, T]` -> complex64 `[B, F, frames]`; a full-scale sine has magnitude 1.

    The hop is a quarter of the window.

    >>> sine = torch.sin(2 * torch.pi * 3_000 * torch.arange(4_800) / SAMPLE_RATE)
    >>> round(spectrum(sine[None, None], torch.hann_window(N_FFT)).abs().max().item(), 3)
    1.0
    """
    n_fft = len(window)
    # Zeros at the ends: mirrored ends need a signal longer than half a window.
    z = torch.stft(
        signals[:, 0].float(),
        n_fft,
        n_fft // 4,
        window=window,
        return_complex=True,
        pad_mode="constant",
    )
    # A sine peaks at half the window's sum: its other half lies at the negative frequency.
    return z * (2 / window.sum())


def bins_below(bandwidth_hz: Tensor, n_fft: int) -> Tensor:
    """1 for the bins `[B, n_fft // 2 + 1]` below each item's bandwidth, else 0.

    >>> bins_below(torch.tensor([12_000.0]), 8).tolist()
    [[1.0, 1.0, 0.0, 0.0, 0.0]]
    """
    hz = torch.linspace(0, SAMPLE_RATE / 2, n_fft // 2 + 1, device=bandwidth_hz.device)
    return (hz < bandwidth_hz[:, None]).float()


def complex_distance(restored: Tensor, clean: Tensor, inside: Tensor) -> Tensor:
    """Squared distance of compressed complex spectra and of their magnitudes, half each.

    Compression `|X|^0.3 exp(i arg X)` lets quiet bins and their phase count, too (Ephrat et al.,
    1804.03619; Braun and Tashev, 2009.12286).

    Shape:
        - restored, clean: complex `[B, F, frames]`; inside: `[B, F]`, 1 for bins that count
        - result: `[B, frames]`, mean over bins
    """
    real, imag = compress(restored.real, restored.imag)
    clean_real, clean_imag = compress(clean.real, clean.imag)
    phase = (real - clean_real).square() + (imag - clean_imag).square()
    # The floor, that of `compress`, gives silent bins a gradient.
    magnitude, clean_magnitude = (
        (power(z) + POWER_FLOOR).pow(COMPRESSION / 2) for z in (restored, clean)
    )
    return bin_mean(0.5 * (phase + (magnitude - clean_magnitude).square()), inside)


def over_attenuation(restored: Tensor, clean: Tensor, inside: Tensor) -> Tensor:
    """Level that restored lacks to clean, in dB, mean over bins; a level that is too high costs 0.

    Shapes are those of `complex_distance`.

    >>> loud, quiet = torch.ones(1, 4, 2) + 0j, 0.5 * torch.ones(1, 4, 2) + 0j
    >>> round(over_attenuation(quiet, loud, torch.ones(1, 4)).mean().item(), 2)
    6.02
    >>> over_attenuation(loud, quiet, torch.ones(1, 4)).mean().item()
    0.0
    """
    floor = 10 ** (FLOOR_DB / 10)
    return bin_mean(F.relu(level_db(clean, floor) - level_db(restored, floor)), inside)


def dominant_bins(clean: Tensor, inside: Tensor) -> Tensor:
    """Which bins of clean carry the voice: bool `[B, F, frames]`.

    They lie within 35 dB of the peak of their frame, in frames whose peak is within 35 dB of the
    item's highest, after 6 dB more an octave from 1 to 8 kHz. Bins below -80 dB re a full-scale
    sine are none.

    Shape:
        - clean: complex `[B, F, frames]`; inside: `[B, F]`, 1 for bins that count

    >>> clean = torch.tensor([1.0, 0.1, 0.001, 0.001])[None, :, None] + 0j
    >>> dominant_bins(clean, torch.ones(1, 4))[0, :, 0].tolist()
    [True, True, False, False]
    """
    hz = torch.linspace(0, SAMPLE_RATE / 2, clean.shape[1], device=clean.device)
    emphasis = (hz.clamp(*EMPHASIS_HZ) / EMPHASIS_HZ[0]).square()  # of power
    levels = power(clean) * inside[..., None]
    emphasised = levels * emphasis[:, None]
    frame_peaks = emphasised.amax(1, keepdim=True)
    is_active = frame_peaks > frame_peaks.amax(2, keepdim=True) * 10 ** (-ACTIVE_DB / 10)
    is_loud = emphasised > frame_peaks * 10 ** (-DOMINANT_DB / 10)
    return is_active & is_loud & (levels > 10 ** (FLOOR_DB / 10))


def dominant_distance(restored: Tensor, clean: Tensor, inside: Tensor, n_frames: Tensor) -> Tensor:
    """Distance of levels in the dominant bins of clean, in dB: `[B]`, the mean over these bins.

    Faint bins and pauses do not count: who lowers their distance lets noise in. An item without a
    dominant bin has 0. Shapes are those of `dominant_bins`; of each item `n_frames [B]` count.

    >>> clean = torch.tensor([1.0, 0.1, 0.001, 0.001])[None, :, None] + 0j
    >>> n_frames = torch.tensor([1])
    >>> round(dominant_distance(0.5 * clean, clean, torch.ones(1, 4), n_frames).item(), 2)
    6.02
    """
    floor = 10 ** (FLOOR_DB / 10)
    distance = (level_db(restored, floor) - level_db(clean, floor)).abs()
    # Before the dominant bins are sought: what lies behind the end might hold the loudest frame.
    counts = torch.arange(clean.shape[2], device=clean.device) < n_frames[:, None]
    dominant = dominant_bins(clean * counts[:, None], inside)
    return (distance * dominant).sum((1, 2)) / dominant.sum((1, 2)).clamp(min=1)


def overshoot(restored: Tensor, clean: Tensor, enhanced: Tensor, inside: Tensor) -> Tensor:
    """Level of restored above both clean (or another target) and enhanced, in dB: `[B, frames]`.

    It is the mean over bins. What is louder than both is noise that the generator brought in or
    made. Shapes are those of `complex_distance`.

    >>> loud, quiet = torch.ones(1, 4, 2) + 0j, 0.5 * torch.ones(1, 4, 2) + 0j
    >>> round(overshoot(2 * loud, quiet, loud, torch.ones(1, 4)).mean().item(), 2)
    6.02
    >>> overshoot(loud, quiet, loud, torch.ones(1, 4)).mean().item()
    0.0
    """
    floor = 10 ** (FLOOR_DB / 10)
    ceiling = torch.maximum(level_db(clean, floor), level_db(enhanced, floor))
    return bin_mean(F.relu(level_db(restored, floor) - ceiling), inside)


def mel_distance(restored: Tensor, clean: Tensor, mels: Tensor, bandwidth_hz: Tensor) -> Tensor:
    """Distance of the levels of 80 mel bands, in dB.

    Args:
        mels: `mel_filters()`.

    Shape:
        - restored, clean: complex `[B, F, frames]`; bandwidth_hz: `[B]`
        - result: `[B, frames]`, mean over the bands that end below the bandwidth
    """
    floor = 10 ** (FLOOR_DB / 10)
    levels = [
        10 * torch.log10(torch.einsum("bft,fm->bmt", power(z), mels) + floor)
        for z in (restored, clean)
    ]
    hz = torch.linspace(0, SAMPLE_RATE / 2, mels.shape[0], device=mels.device)
    upper_edge_hz = ((mels > 0) * hz[:, None]).amax(0)
    inside = (upper_edge_hz < bandwidth_hz[:, None]).float()
    # The lowest band always counts, so that the mean is one over at least one band.
    inside[:, 0] = 1.0
    return bin_mean((levels[0] - levels[1]).abs(), inside)


def mel_filters() -> Tensor:
    """Mel filters `[513, 80]` on Slaney's scale up to 24 kHz; the weights of a band add up to 1.

    >>> filters = mel_filters()
    >>> list(filters.shape), bool((filters.sum(0) - 1).abs().max() < 1e-5)
    ([513, 80], True)
    """
    # Imported here, since torchaudio takes a second and only this term needs it.
    from torchaudio.functional import melscale_fbanks

    filters = melscale_fbanks(
        N_FFT // 2 + 1, 0.0, SAMPLE_RATE / 2, N_MELS, SAMPLE_RATE, None, "slaney"
    )
    # A band's level is then a mean of its bins: the floor means the same in wide bands.
    return filters / filters.sum(0)


def band_limit(signals: Tensor, bandwidth_hz: Tensor) -> Tensor:
    """Remove all above each item's bandwidth, so that neither losses nor discriminators hear it.

    Shape:
        - signals, result: `[B, 1, T]`; bandwidth_hz: `[B]`

    >>> highest = torch.tensor([1.0, -1.0]).repeat(2_400)[None, None]  # 24 kHz
    >>> band_limit(highest, torch.tensor([11_025.0])).abs().max().item() < 1e-6
    True
    """
    # A signal of the full band comes back as it is, without a transform.
    if (bandwidth_hz >= SAMPLE_RATE / 2).all():
        return signals
    n = signals.shape[-1]
    hz = torch.linspace(0, SAMPLE_RATE / 2, n // 2 + 1, device=signals.device)
    # One transform of the whole signal: the cut is steep and shifts nothing in time.
    spectrum = torch.fft.rfft(signals.float()) * (hz <= bandwidth_hz[:, None, None])
    return torch.fft.irfft(spectrum, n=n)


def power(z: Tensor) -> Tensor:
    """Squared magnitude of complex `z`."""
    return z.real.square() + z.imag.square()


def level_db(z: Tensor, floor: float) -> Tensor:
    """Level of complex `z` in dB; `floor` is a power that is added."""
    return 10 * torch.log10(power(z) + floor)


def bin_mean(values: Tensor, inside: Tensor) -> Tensor:
    """Mean of `values [B, F, frames]` over the bins that `inside [B, F]` marks: `[B, frames]`."""
    return torch.einsum("bft,bf->bt", values, inside) / inside.sum(1, keepdim=True)


def item_mean(values: Tensor, lengths: Tensor) -> Tensor:
    """Mean over items of the mean over the first `lengths[b]` of `values [B, N]`."""
    inside = torch.arange(values.shape[1], device=values.device) < lengths[:, None]
    return ((values * inside).sum(1) / inside.sum(1)).mean()


def check_same_shape(restored: Tensor, clean: Tensor) -> None:
    """Raises `ValueError`, with both shapes, unless they are the same `[B, 1, T]`."""
    # Unequal shapes might broadcast, and the loss would be a number without a meaning.
    if restored.shape != clean.shape or restored.ndim != 3:
        shapes = f"restored {tuple(restored.shape)}, clean {tuple(clean.shape)}"
        raise ValueError(f"{shapes}: expected [B, 1, T] twice")
