"""Scale-invariant signal-to-distortion ratio."""

import numpy as np

from lib.metrics.checks import check_pair


def si_sdr_db(estimate: np.ndarray, reference: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (arXiv:1811.02508); higher is better.

    The means are not removed. inf where the estimate is a scaled reference, NaN where a signal is
    silent.

    Raises:
        ValueError: lengths that differ.

    >>> si_sdr_db(np.array([1.0, 1.0]), np.array([1.0, 0.0]))
    0.0
    """
    check_pair(estimate, reference)
    estimate, reference = np.asarray(estimate, np.float64), np.asarray(reference, np.float64)
    if not estimate.any() or not reference.any():
        return np.nan
    # The projection on the reference: what a change of scale can explain.
    target = estimate @ reference / (reference @ reference) * reference
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(np.sum(target**2) / np.sum((estimate - target) ** 2)))
