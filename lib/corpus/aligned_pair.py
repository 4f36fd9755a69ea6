"""A recorded pair, aligned: a recording and its clean reference seldom have one start and level.

Lag, gain and polarity are estimated and removed; a pair that cannot be aligned is refused.
"""

from typing import Any, NamedTuple

import numpy as np

from lib.audio import align
from lib.audio.files import SAMPLE_RATE, info, read
from lib.corpus.sources import Sources

MAX_DRIFT = 5  # samples (0.1 ms) by which the lags of both halves may differ: two clocks drift


class AlignedPair(NamedTuple):
    """`noisy` and `clean` `[T]`, sample by sample, and what was removed to get there.

    lag: samples by which noisy was late. gain_db: of the speech in noisy over clean.
    inverted: noisy had the opposite polarity.
    """

    clean: np.ndarray
    noisy: np.ndarray
    lag: int
    gain_db: float
    inverted: bool


def align_pair(
    row: Any, folders: Sources, max_lag_ms: float, max_length_difference: float
) -> AlignedPair:
    """Read a pair and align it: `noisy` is cut, `clean` gets the level and polarity of its speech.

    Args:
        row: of a plan, as `itertuples` gives it.
        folders: `speech` and `noisy` are read.
        max_lag_ms: of noisy behind or before clean.
        max_length_difference: in seconds.

    Raises:
        AudioError: a file is not readable.
        ValueError: rates differ, lengths differ by too much, there is no sure lag within
            `max_lag_ms`, or the lag drifts.
    """
    clean_path, noisy_path = folders.speech / row.clean_path, folders.noisy / row.noisy_path
    clean_rate, noisy_rate = info(clean_path).sample_rate, info(noisy_path).sample_rate
    if clean_rate != noisy_rate:
        raise ValueError(f"sample rates differ: clean {clean_rate} Hz, noisy {noisy_rate} Hz")
    clean, noisy = read(clean_path, SAMPLE_RATE), read(noisy_path, SAMPLE_RATE)
    difference = (len(noisy) - len(clean)) / SAMPLE_RATE
    if abs(difference) > max_length_difference:
        raise ValueError(
            f"lengths differ by {difference:+.2f} s, expected at most {max_length_difference} s"
        )
    clean, noisy, lag = _without_lag(clean, noisy, max_lag_ms)
    _check_drift(clean, noisy)
    # The gain of the projection of noisy on clean: noise does not change it.
    gain = float(noisy.astype(np.float64) @ clean / max(clean.astype(np.float64) @ clean, 1e-12))
    if not gain:
        raise ValueError("noisy holds nothing of clean")
    clean = np.float32(gain) * clean
    return AlignedPair(clean, noisy, lag, 20 * float(np.log10(abs(gain))), gain < 0)


def _without_lag(
    clean: np.ndarray, noisy: np.ndarray, max_lag_ms: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """Both signals from a common start on and equally long, and the lag that was removed."""
    lag = align.lag(noisy, clean, round(max_lag_ms * SAMPLE_RATE / 1000))
    if lag.confidence < align.MIN_CONFIDENCE:
        raise ValueError(
            f"noisy cannot be aligned with clean within {max_lag_ms:g} ms:"
            f" confidence {lag.confidence:.1f}, expected at least {align.MIN_CONFIDENCE}"
        )
    clean = align.advance(clean, -min(lag.samples, 0))
    noisy = align.advance(noisy, max(lag.samples, 0))
    n_samples = min(len(clean), len(noisy))
    return clean[:n_samples], noisy[:n_samples], lag.samples


def _check_drift(clean: np.ndarray, noisy: np.ndarray) -> None:
    """Refuse a pair whose halves still have a lag: two recorders' clocks ran apart."""
    halves = align.lags(np.array_split(noisy, 2), np.array_split(clean, 2))
    left = [lag.samples for lag in halves if lag.confidence >= align.MIN_CONFIDENCE]
    if left and np.ptp([0, *left]) > MAX_DRIFT:
        raise ValueError(
            f"the lag drifts: {left} samples are left of it in the halves,"
            f" expected at most {MAX_DRIFT}"
        )
