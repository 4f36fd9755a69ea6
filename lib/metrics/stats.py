"""Statistics of paired scores: shares of a gap, standardised gains, intervals, tests."""

from collections.abc import Sequence

import numpy as np
import scipy.stats

BATCH_SIZE = 100  # resamples that are held at a time


def gap_closed(
    restored: Sequence[float], enhanced: Sequence[float], clean: Sequence[float]
) -> float:
    """The share of the way from `enhanced` to `clean`: 0 none, 1 all of it, below 0 harm.

    `(mean restored - mean enhanced) / (mean clean - mean enhanced)`, a ratio of means over the
    items that are finite in all three. Any score may be given, whichever its better side. NaN if
    no such item is left, or if there is no gap.

    >>> round(gap_closed([2.0, 3.0, 9.0], [1.0, 2.0, np.nan], [4.0, 5.0, 4.0]), 3)
    0.333
    """
    table = np.array([restored, enhanced, clean], np.float64)
    restored, enhanced, clean = table[:, np.isfinite(table).all(axis=0)]
    if not len(clean) or clean.mean() == enhanced.mean():
        return np.nan
    return float((restored.mean() - enhanced.mean()) / (clean.mean() - enhanced.mean()))


def standardised_gain(restored: Sequence[float], enhanced: Sequence[float], sign: int = 1) -> float:
    """The mean gain of `restored` over `enhanced`, in standard deviations of enhanced's scores.

    Scores of any unit and scale become comparable: shifting a score, or scaling it by a positive
    number, changes nothing, and `enhanced` itself gains exactly 0. The items' spread is the
    measure, neither the gap to clean, which may be none, nor the spread of the paired gains, which
    is as small as the gains where all are tiny and alike, as those of an untrained generator are.
    Items that are not finite in both do not count. NaN if fewer than two are left, or if enhanced's
    scores are all equal and the gain is not 0.

    Args:
        sign: 1 for a score that is better where it is higher, -1 for one that is worse.

    >>> round(standardised_gain([2.0, 3.0, 4.0, np.nan], [1.0, 2.0, 3.0, 9.0]), 3)
    1.0
    >>> round(standardised_gain([20.0, 30.0, 40.0], [10.0, 20.0, 30.0], sign=-1), 3)
    -1.0
    """
    table = np.array([restored, enhanced], np.float64)
    restored, enhanced = table[:, np.isfinite(table).all(axis=0)]
    if len(enhanced) < 2:
        return np.nan
    gain = sign * float((restored - enhanced).mean())
    spread = float(enhanced.std(ddof=1)) if np.ptp(enhanced) else 0.0
    if gain and not spread:
        return np.nan
    return gain / spread if gain else 0.0


def bootstrap_interval(
    values: Sequence[float], seed: int, n_bootstrap: int = 2000
) -> tuple[float, float]:
    """Percentile bootstrap interval of 95 %, `(low, high)`, of the mean of the finite `values`.

    NaN, NaN if no value is finite.

    Args:
        n_bootstrap: number of resamples.

    >>> bootstrap_interval([3.0, 3.0, np.nan], seed=0)
    (3.0, 3.0)
    >>> low, high = bootstrap_interval(np.arange(101.0), seed=0)  # 50 +- 1.96 * 29.15 / sqrt(101)
    >>> round(low), round(high)
    (44, 56)
    """
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    if len(values) == 1:  # scipy refuses it
        return float(values[0]), float(values[0])
    bootstrap = scipy.stats.bootstrap(
        [values],
        np.mean,
        n_resamples=n_bootstrap,
        batch=BATCH_SIZE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = np.quantile(bootstrap.bootstrap_distribution, (0.025, 0.975))
    return float(low), float(high)


def signed_rank(differences: Sequence[float]) -> float:
    """P value, two-sided, of the signed-rank test of Wilcoxon.

    It tests that paired differences lie symmetrically about zero. NaN if all are zero or missing.

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
    corrected = np.full(len(p_values), np.nan)
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[i]))
        corrected[i] = largest
    return corrected
