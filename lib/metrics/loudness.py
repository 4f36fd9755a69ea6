"""Integrated loudness by ITU-R BS.1770-4."""

import numpy as np

MIN_DURATION_S = 0.4  # of a signal that has a loudness: one block of BS.1770


def loudness_lufs(signal: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness (ITU-R BS.1770-4, pyloudnorm) in LUFS; NaN for silence or less than 0.4 s.

    >>> t = np.arange(48_000) / 48_000
    >>> abs(loudness_lufs(np.sin(2 * np.pi * 997 * t), 48_000) - -3.01) < 0.1  # -3.01 is the standard's
    True
    """
    import pyloudnorm

    if len(signal) < MIN_DURATION_S * sample_rate or not np.any(signal):
        return np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        loudness = pyloudnorm.Meter(sample_rate).integrated_loudness(np.asarray(signal, np.float64))
    return float(loudness) if np.isfinite(loudness) else np.nan


def loudness_difference_lu(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Distance of two loudnesses in LU, whichever is louder."""
    return abs(loudness_lufs(estimate, sample_rate) - loudness_lufs(reference, sample_rate))
