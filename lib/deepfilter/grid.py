"""DeepFilterNet3's grid: sample rate, STFT frames, ERB bands, delay, range of the local SNR."""

import math

import numpy as np

SAMPLE_RATE = 48_000
HOP_LENGTH = 480
N_FFT = 960
N_BINS = N_FFT // 2 + 1

N_ERB = 32  # bands of the mask
N_DF = 96  # lowest bins, which a filter over time replaces
ORDER = 5  # taps of this filter, one a frame
LSNR_MIN, LSNR_MAX = -15.0, 35.0  # dB, range of the local SNR that the network estimates

LOOK_AHEAD = 2  # frames that the network hears beyond the one that it filters
# The overlap-add takes one hop more than the look-ahead.
DELAY_HOPS = LOOK_AHEAD + 1
DELAY = DELAY_HOPS * HOP_LENGTH


def erb_widths() -> list[int]:
    """Number of STFT bins in each of the 32 bands.

    The bands are equal steps on the ERB scale of Glasberg and Moore. Each has at least two bins.

    >>> widths = erb_widths()
    >>> sum(widths), widths[:6], widths[-2:]
    (481, [2, 2, 2, 2, 2, 2], [56, 67])
    """
    quality = 9.265
    top = quality * math.log1p(SAMPLE_RATE / 2 / (24.7 * quality))
    edges_hz = [24.7 * quality * math.expm1((i + 1) * top / N_ERB / quality) for i in range(N_ERB)]
    widths = []
    edge = 0
    for edge_hz in edges_hz:
        widths.append(max(2, round(edge_hz * N_FFT / SAMPLE_RATE) - edge))
        edge += widths[-1]
    # Rounding leaves a bin over, which the last band takes.
    widths[-1] += N_BINS - edge
    return widths


def band_matrix(n_bins: int = N_BINS) -> np.ndarray:
    """Which bin lies in which band: ones and zeros `[n_bins, 32]`, float32.

    Args:
        n_bins: of a spectrum up to 24 kHz. On another grid a bin has the band of the nearest one.

    >>> band_matrix().sum(0)[:3]
    array([2., 2., 2.], dtype=float32)
    >>> band_matrix(513).shape
    (513, 32)
    """
    band_of_bin = np.repeat(np.arange(N_ERB), erb_widths())
    nearest = np.rint(np.linspace(0, N_BINS - 1, n_bins, dtype=np.float32)).astype(int)
    return np.eye(N_ERB, dtype=np.float32)[band_of_bin[nearest]]


def vorbis_window(length: int) -> np.ndarray:
    """The Vorbis window `[length]`, float32, the same for analysis and synthesis.

    Its square and the square half a length later add up to one, so that overlap-add gives the
    signal back.

    >>> window = vorbis_window(960)
    >>> bool(np.allclose(window[:480] ** 2 + window[480:] ** 2, 1))
    True
    """
    t = (np.arange(length) + 0.5) / length
    return np.sin(np.pi / 2 * np.sin(np.pi * t) ** 2).astype(np.float32)
