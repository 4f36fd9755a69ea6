"""Lags of pairs and how sure they are. They verify what we made ourselves, and align pairs that a user brings."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import fft

MIN_CONFIDENCE = 2.5  # unrelated speech stays below 1.6, DeepFilterNet3 and noisy speech against clean above 6 at -5 dB SNR
WHITENING = 0.8  # 0: plain correlation, whose peak is broad for voices; 1: phase transform, which hears noise as much
MIN_PEAK_DISTANCE = 48  # samples (1 ms) from the peak at which another one counts
MAX_LAG = 4_800  # samples (100 ms) to either side
BATCH_SAMPLES = 2**23  # samples that are transformed together: some 500 MB


class Lag(NamedTuple):
    """`samples` that the estimate comes late (negative: early), `confidence`, and whether its polarity is inverted."""

    samples: int
    confidence: float
    inverted: bool


def lag(estimate: np.ndarray, reference: np.ndarray, max_lag: int = MAX_LAG) -> Lag:
    """`lags` of one pair.

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
    """Delay of each estimate behind its reference, all `[T]` of one rate and any lengths, in one transform.

    Generalised cross-correlation (Knapp and Carter, 1976): the cross spectrum is divided by its magnitude to the power of
    0.8. The highest magnitude within `max_lag` samples to either side wins.

    Returns: a `Lag` each; its confidence is the peak's height over the next one more than 1 ms away, 0 for silence. Unrelated
        signals are near 1; at `CONFIDENT` and more the lag may be believed.
    """
    n = fft.next_fast_len(
        max(map(len, estimates), default=0) + max(map(len, references), default=0) + 1, real=True
    )
    n_rows, reach, found = max(1, BATCH_SAMPLES // n), min(max_lag, (n - 1) // 2), []
    for first in range(0, len(estimates), n_rows):
        rows = slice(first, first + n_rows)
        found += [_peak(row) for row in _correlation(estimates[rows], references[rows], n, reach)]
    return found


def advance(signal: np.ndarray, n_samples: int) -> np.ndarray:
    """`signal` without its first `n_samples`; for a negative number, with as many zeros before it.

    >>> advance(np.array([1.0, 2.0, 3.0]), 1).tolist(), advance(np.array([1.0, 2.0]), -1).tolist()
    ([2.0, 3.0], [0.0, 1.0, 2.0])
    """
    return signal[n_samples:] if n_samples >= 0 else np.pad(signal, (-n_samples, 0))


def _correlation(
    estimates: Sequence[np.ndarray], references: Sequence[np.ndarray], n: int, reach: int
) -> np.ndarray:
    """`[B, 2 * reach + 1]`, of lags from `-reach` on; zeros where one of a pair is silent."""
    spectra = (fft.rfft(_stacked(signals, n), axis=1) for signals in (estimates, references))
    cross = next(spectra) * next(spectra).conj()
    magnitude = np.abs(cross)
    whitened = (
        cross / (magnitude + 1e-6 * magnitude.max(axis=1, keepdims=True) + 1e-30) ** WHITENING
    )
    return np.roll(fft.irfft(whitened, n, axis=1), reach, axis=1)[:, : 2 * reach + 1]


def _stacked(signals: Sequence[np.ndarray], n: int) -> np.ndarray:
    """Zero-padded to `[B, n]`, each at peak 1, so that levels do not matter."""
    stacked = np.zeros((len(signals), n), np.float32)
    for row, signal in zip(stacked, signals, strict=True):
        row[: len(signal)] = signal / max(np.abs(signal).max(initial=0.0), 1e-30)
    return stacked


def _peak(correlation: np.ndarray) -> Lag:
    height, zero = np.abs(correlation), len(correlation) // 2
    peak = int(np.argmax(height))
    if not height[peak]:
        return Lag(0, 0.0, False)
    others = np.delete(
        height, np.s_[max(0, peak - MIN_PEAK_DISTANCE) : peak + MIN_PEAK_DISTANCE + 1]
    )
    return Lag(
        peak - zero,
        float(height[peak] / max(others.max(initial=0.0), 1e-12)),
        bool(correlation[peak] < 0),
    )
