"""Statistics of paired scores: shares of a gap, intervals, tests."""

from collections.abc import Sequence

import numpy as np
import scipy.stats


def gap_closed(
    restored: Sequence[float], enhanced: Sequence[float], clean: Sequence[float]
) -> float:
    """How much of the way from `enhanced` to `clean` a set has gone: 0 none, 1 all of it, below 0 harm.

    `(mean restored - mean enhanced) / (mean clean - mean enhanced)`, a ratio of means over the items that are finite in
    all three; any score will do, whichever its better side. NaN if there is no such item or no gap.

    >>> round(gap_closed([2.0, 3.0, 9.0], [1.0, 2.0, np.nan], [4.0, 5.0, 4.0]), 3)
    0.333
    """
    table = np.array([restored, enhanced, clean], np.float64)
    restored, enhanced, clean = table[:, np.isfinite(table).all(axis=0)]
    if not len(clean) or clean.mean() == enhanced.mean():
        return np.nan
    return float((restored.mean() - enhanced.mean()) / (clean.mean() - enhanced.mean()))


def bootstrap_interval(
    values: Sequence[float], seed: int, n_bootstrap: int = 2000, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval `(low, high)` of the mean of the finite `values`; NaN, NaN if there are none.

    >>> bootstrap_interval([3.0, 3.0, np.nan], seed=0)
    (3.0, 3.0)
    """
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    drawn = np.random.default_rng(seed).integers(len(values), size=(n_bootstrap, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def signed_rank(differences: Sequence[float]) -> float:
    """P value of Wilcoxon's signed-rank test, two-sided, that paired differences lie about zero; NaN if all are zero or missing.

    >>> round(signed_rank([1.0, 2.0, 3.0, 4.0, 5.0, np.nan]), 4)
    0.0625
    """
    differences = np.asarray(differences, np.float64)
    differences = differences[np.isfinite(differences)]
    return float(scipy.stats.wilcoxon(differences).pvalue) if differences.any() else np.nan


def holm(p_values: Sequence[float]) -> np.ndarray:
    """P values corrected for their number (Holm, 1979); NaN stays and does not count.

    >>> holm([0.01, 0.04, np.nan, 0.03]).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    p_values = np.asarray(p_values, np.float64)
    order = [i for i in np.argsort(p_values) if np.isfinite(p_values[i])]
    corrected, largest = np.full(len(p_values), np.nan), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[i]))
        corrected[i] = largest
    return corrected
