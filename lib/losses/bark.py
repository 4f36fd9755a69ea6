"""Power and loudness of signals in P.862's Bark bands: the first half of the PESQ loss.

Shapes are `[B, frames, 49]` for bands. `lib.losses.pesq` names all differences from P.862.
"""

from functools import cache

import torch
from torch import Tensor

from lib.deepfilter.grid import SAMPLE_RATE

N_FFT = 1536  # 32 ms; its bins below 8 kHz are those of PESQ at 16 kHz
HOP_LENGTH = 768
# Bins of 31.25 Hz in each band, from 0 to 8 kHz: P.862's bands for wide-band speech
BINS_OF_BAND = (
    *(1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2),
    *(3, 3, 3, 3, 4, 3, 4, 5, 4, 5, 6, 6, 7, 8, 9, 9, 12, 12, 15, 16, 18, 21, 25, 20),
)
N_BINS = sum(BINS_OF_BAND)
N_BANDS = len(BINS_OF_BAND)
LEVEL = 1e7  # power that both signals are brought to, in steps of 16 bits
LEVEL_HZ = (325.0, 3250.0)  # band in which the level is measured
QUIET = 1e-12  # mean power below which a signal is not made louder
NUMERATOR = (2.740826, -5.4816519, 2.740826)  # of P.862.2's input filter at 16 kHz
DENOMINATOR = (1.0, -1.9444777, 0.94597794)
POWER_SCALE = 4.84e-4  # P.862's Sp: power of a band to its units of density
LOUDNESS_SCALE = 0.1866  # P.862's Sl: Zwicker's loudness in sone
ZWICKER_EXPONENT = 0.23


def bark_bands(signals: Tensor, n_frames: Tensor) -> Tensor:
    """Power density `[B, frames, 49]` of `[B, 1, T]`, at one level and after the input filter."""
    window = torch.hann_window(N_FFT, device=signals.device)
    z = torch.stft(
        signals[:, 0].float(),
        N_FFT,
        HOP_LENGTH,
        window=window,
        return_complex=True,
        pad_mode="constant",
    )
    # The squared ratio of the rates gives the power that a transform at 16 kHz would find.
    power = (z.real.square() + z.imag.square())[:, :N_BINS] / (SAMPLE_RATE / 16_000) ** 2
    hz = torch.arange(N_BINS, device=signals.device) * SAMPLE_RATE / N_FFT
    # Frames of the padding must not count in the level that follows.
    inside = torch.arange(power.shape[2], device=power.device) < n_frames[:, None]
    power = power * inside[:, None]
    gain = level_gain(power, hz, inside)
    power = power * (input_filter(hz)[:, None] * gain[:, None, None])
    bands = torch.stack([part.sum(1) for part in power.split(BINS_OF_BAND, dim=1)], dim=2)
    return POWER_SCALE * bands


def level_gain(power: Tensor, hz: Tensor, inside: Tensor) -> Tensor:
    """Gain `[B]` of the power that brings each item to `LEVEL` between 325 and 3250 Hz.

    >>> power, hz = torch.full((1, N_BINS, 2), 2.0), torch.arange(N_BINS) * 31.25
    >>> gains = [level_gain(share * power, hz, torch.ones(1, 2)).item() for share in (1, 4)]
    >>> round(gains[0] / gains[1], 3)
    4.0
    """
    middle = power[:, (hz > LEVEL_HZ[0]) & (hz < LEVEL_HZ[1])].sum((1, 2)) / inside.sum(1)
    # Parseval: length of the transform, and the mean power 3 / 8 of a Hann window, at 16 kHz
    level = 2 * middle / (N_FFT / 3) / (3 / 8 * N_FFT / 3)
    return LEVEL / level.clamp(min=QUIET)


def input_filter(hz: Tensor) -> Tensor:
    """Power response of P.862.2's input filter, a high-pass at 100 Hz.

    >>> [round(x, 2) for x in input_filter(torch.tensor([0.0, 31.25, 1_000.0])).tolist()]
    [0.0, 0.07, 7.94]
    """
    # Double precision: near 0 Hz the terms cancel to less than a thousandth of their size.
    turn = torch.exp(-2j * torch.pi * hz.double() / 16_000)
    up, down = (sum(c * turn**i for i, c in enumerate(part)) for part in (NUMERATOR, DENOMINATOR))
    response = (up / down).abs().square().float()
    return torch.where(hz > 0, response, 0.0)


def loudness(bands: Tensor) -> Tensor:
    """Zwicker's loudness of power densities, in sone per Bark; 0 below the threshold of hearing.

    >>> threshold = band_tables()[0]
    >>> loudness(torch.stack([threshold, 10 * threshold])[None])[0, :, 20].gt(0).tolist()
    [False, True]
    """
    threshold, _, exponent = band_tables(bands.device)
    relative = torch.where(bands > threshold, (0.5 + 0.5 * bands / threshold) ** exponent - 1, 0.0)
    return LOUDNESS_SCALE * (2 * threshold) ** exponent * relative


def audible(bands: Tensor, factor: float) -> Tensor:
    """The bands whose power is above `factor` times the threshold of hearing; the others are 0.

    >>> audible(torch.full((1, 1, N_BANDS), 1e-9), 1.0).max().item()
    0.0
    """
    threshold, *_ = band_tables(bands.device)
    return torch.where(bands > factor * threshold, bands, 0.0)


@cache
def band_tables(device: torch.device | str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """Threshold of hearing (power), width in Bark, exponent of loudness of the bands; `[49]` each.

    >>> threshold, width, exponent = band_tables()
    >>> round(10 * threshold.log10().min().item()), round(width.sum().item())
    (-5, 21)
    >>> round(exponent.max().item(), 3)
    0.255
    """
    bins, index = torch.tensor(BINS_OF_BAND), torch.arange(N_BANDS)
    khz = (bins.cumsum(0) - bins / 2) * SAMPLE_RATE / N_FFT / 1000
    # Terhardt (1979), in dB over kHz.
    threshold_db = 3.64 * khz**-0.8 - 6.5 * torch.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4
    # In P.862 the width grows by 1.3 % from band to band; the first is half a band.
    width = 0.318 * (0.5852 / 0.318) ** ((index - 1) / 47)
    width[0] /= 2
    centre = width.cumsum(0) - width / 2
    exponent = ZWICKER_EXPONENT * (6 / (centre + 2)).clamp(1, 2) ** 0.15
    threshold = 10 ** (threshold_db / 10)
    return threshold.to(device), width.to(device), exponent.to(device)
