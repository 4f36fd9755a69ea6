"""The lag of an estimate behind its reference, and how sure it is.

It verifies pairs that were made here, and it aligns pairs that a user brings.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import fft

# A lag below this confidence is not believed. Unrelated speech stays below 1.6. The output of
# DeepFilterNet3, and noisy speech, against clean speech reach more than 6 at -5 dB SNR.
MIN_CONFIDENCE = 2.5
# 0 is plain correlation, whose peak is broad for voices; 1 is the phase transform, in which
# noise counts as much as speech.
WHITENING = 0.8
MIN_PEAK_DISTANCE = 48  # samples (1 ms) from the highest peak to the next one that counts
MIN_LENGTH = 480  # samples (10 ms); of a shorter pair nothing can be said
MAX_LAG = 4_800  # samples (100 ms) to either side
BATCH_SAMPLES = 2**23  # samples in one transform, which takes some 500 MB


class Lag(NamedTuple):
    """The lag of an estimate.

    `samples`: how much the estimate is late (negative: early). `confidence`: see `lags`.
    `inverted`: whether its polarity is that of the negated reference.
    """

    samples: int
    confidence: float
    inverted: bool


def lag(estimate: np.ndarray, reference: np.ndarray, max_lag: int = MAX_LAG) -> Lag:
    """The lag of one pair; see `lags`.

    >>> voice = np.random.default_rng(0).standard_normal(48_000)
    >>> late = lag(-0.1 * np.roll(voice, 37), voice)
    >>> late.samples, late.confidence > 5, late.inverted
    (37, True, True)
    >>> lag(np.zeros(480), np.zeros(480))
    Lag(samples=0, confidence=0.0, inverted=False)
    """
    return lags([estimate], [reference], max_lag)[0]


def lags(
    estimates: Sequence[np.ndarray], references: Sequence[np.ndarray], max_lag: int = MAX_LAG
) -> list[Lag]:
    """The lag of each estimate behind its reference.

    Generalised cross-correlation (Knapp and Carter, 1976): the cross spectrum is divided by its
    magnitude to the power of 0.8. The highest magnitude within `max_lag` is the lag.

    Args:
        estimates, references: signals `[T]` of one sample rate and any lengths.
        max_lag: samples to either side in which the lag is sought.

    Returns: a `Lag` each. Its confidence is the height of the peak over that of the next one more
        than 1 ms away, which is sought up to `MAX_LAG` even if `max_lag` is smaller. It is 0 for
        silence and for signals below 10 ms, which hardly have other peaks. Unrelated signals have
        about 1; a lag of at least `MIN_CONFIDENCE` may be believed.
    """
    longest_pair = max(map(len, estimates), default=0) + max(map(len, references), default=0)
    n_fft = fft.next_fast_len(longest_pair + 1, real=True)
    # Without other lags beside it no peak could be compared with anything.
    reach = min(max(max_lag, MAX_LAG), (n_fft - 1) // 2)
    batch_size = max(1, BATCH_SAMPLES // n_fft)
    result = []
    for first in range(0, len(estimates), batch_size):
        batch = slice(first, first + batch_size)
        correlations = _correlations(estimates[batch], references[batch], n_fft, reach)
        lengths = map(min, map(len, estimates[batch]), map(len, references[batch]))
        result += [
            _highest_peak(correlation, max_lag, n_samples)
            for correlation, n_samples in zip(correlations, lengths, strict=True)
        ]
    return result


def advance(signal: np.ndarray, n_samples: int) -> np.ndarray:
    """`signal` without its first `n_samples`; for a negative number, with as many zeros before it.

    >>> advance(np.array([1.0, 2.0, 3.0]), 1).tolist(), advance(np.array([1.0, 2.0]), -1).tolist()
    ([2.0, 3.0], [0.0, 1.0, 2.0])
    """
    return signal[n_samples:] if n_samples >= 0 else np.pad(signal, (-n_samples, 0))


def _correlations(
    estimates: Sequence[np.ndarray], references: Sequence[np.ndarray], n_fft: int, reach: int
) -> np.ndarray:
    """`[B, 2 * reach + 1]`: lags from `-reach` to `reach`; zeros where a signal is silent."""
    cross = _spectra(estimates, n_fft) * _spectra(references, n_fft).conj()
    magnitude = np.abs(cross)
    # Without a floor, whitening would raise empty bins, which hold rounding noise, to the others.
    floor = 1e-6 * magnitude.max(axis=1, keepdims=True)
    whitened = cross / (magnitude + floor + 1e-30) ** WHITENING
    return np.roll(fft.irfft(whitened, n_fft, axis=1), reach, axis=1)[:, : 2 * reach + 1]


def _spectra(signals: Sequence[np.ndarray], n_fft: int) -> np.ndarray:
    """`[B, n_fft // 2 + 1]`, each of a signal at peak 1, so that levels do not matter."""
    padded = np.zeros((len(signals), n_fft), np.float32)
    for row, signal in zip(padded, signals, strict=True):
        row[: len(signal)] = signal / max(np.abs(signal).max(initial=0.0), 1e-30)
    return fft.rfft(padded, axis=1)


def _highest_peak(correlation: np.ndarray, max_lag: int, n_samples: int) -> Lag:
    """The highest peak within `max_lag`, of a pair whose shorter signal has `n_samples`."""
    height, middle = np.abs(correlation), len(correlation) // 2
    first = max(0, middle - max_lag)
    peak = first + int(np.argmax(height[first : middle + max_lag + 1]))
    if not height[peak]:
        return Lag(0, 0.0, False)
    neighbours = slice(max(0, peak - MIN_PEAK_DISTANCE), peak + MIN_PEAK_DISTANCE + 1)
    next_height = np.delete(height, neighbours).max(initial=0.0)
    is_known = n_samples >= MIN_LENGTH
    return Lag(
        samples=peak - middle,
        confidence=float(height[peak] / max(next_height, 1e-12)) if is_known else 0.0,
        inverted=bool(correlation[peak] < 0),
    )
