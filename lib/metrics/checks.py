"""Checks of the pair that a score compares."""

import numpy as np

from lib.audio.files import SAMPLE_RATE

MIN_DURATION_S = 0.4  # one block of BS.1770, and pystoi's window: the shortest item of a corpus


def check_pair(estimate: np.ndarray, reference: np.ndarray, sample_rate: int | None = None) -> None:
    """Raise `ValueError` unless both are `[T]` of one length and `sample_rate`, if given, is ours.

    >>> check_pair(np.zeros(480), np.zeros(480), 48_000)
    """
    if np.ndim(estimate) != 1 or np.shape(estimate) != np.shape(reference):
        shapes = f"estimate {np.shape(estimate)}, reference {np.shape(reference)}"
        raise ValueError(f"{shapes}: expected two [T] of one length")
    # Scores that resample by themselves, or need no rate, do not pass one.
    if sample_rate not in (None, SAMPLE_RATE):
        raise ValueError(
            f"sample_rate is {sample_rate}, expected {SAMPLE_RATE} Hz: resample both signals first"
        )


def is_too_short(signal: np.ndarray, sample_rate: int) -> bool:
    """Whether a signal is shorter than 0.4 s, the shortest that has a score.

    >>> is_too_short(np.zeros(19_199), 48_000), is_too_short(np.zeros(19_200), 48_000)
    (True, False)
    """
    return len(signal) < MIN_DURATION_S * sample_rate
