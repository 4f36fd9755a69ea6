"""Extended short-time objective intelligibility."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from lib.metrics.checks import check_pair, is_too_short


def estoi(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Extended short-time objective intelligibility (doi:10.1109/TASLP.2016.2585878), at most 1.

    pystoi computes it, at 10 kHz. NaN for silence or less than 0.4 s of speech.

    Raises:
        ValueError: lengths that differ.
    """
    import pystoi

    check_pair(estimate, reference)
    silent = not np.any(estimate) or not np.any(reference)
    # pystoi fails with an error of its own where not even one of its frames is left.
    if silent or is_too_short(reference, sample_rate):
        return np.nan
    # For too little speech pystoi warns and returns 1e-5, which is no score.
    with _seeded_global_generator(), warnings.catch_warnings():
        warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
        try:
            # pystoi wants the reference first.
            return float(pystoi.stoi(reference, estimate, sample_rate, extended=True))
        except RuntimeWarning:
            return np.nan


@contextmanager
def _seeded_global_generator() -> Iterator[None]:
    """pystoi dithers by numpy's global generator: a score must neither depend on it nor move it."""
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)
