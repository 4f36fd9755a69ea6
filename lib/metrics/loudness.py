"""Integrated loudness by ITU-R BS.1770-4."""

import numpy as np

from lib.metrics.checks import is_too_short


def loudness_lufs(signal: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness (ITU-R BS.1770-4, pyloudnorm) in LUFS; NaN for silence or < 0.4 s.

    >>> tone = np.sin(2 * np.pi * 997 * np.arange(48_000) / 48_000)
    >>> abs(loudness_lufs(tone, 48_000) - -3.01) < 0.1  # -3.01 is the value of the standard
    True
    """
    import pyloudnorm

    if is_too_short(signal, sample_rate) or not np.any(signal):
        return np.nan
    # A signal below the gate of -70 LUFS has the loudness log10(0).
    with np.errstate(divide="ignore", invalid="ignore"):
        loudness = pyloudnorm.Meter(sample_rate).integrated_loudness(np.asarray(signal, np.float64))
    return float(loudness) if np.isfinite(loudness) else np.nan


def loudness_difference_lu(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Distance of two loudnesses in LU, whichever is louder; NaN where one has none."""
    return abs(loudness_lufs(estimate, sample_rate) - loudness_lufs(reference, sample_rate))
