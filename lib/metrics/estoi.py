"""Extended short-time objective intelligibility."""

import warnings

import numpy as np

from lib.metrics.checks import check_pair


def estoi(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Extended short-time intelligibility (pystoi, which resamples to 10 kHz), at most 1; NaN for silence or < 0.4 s of
    speech."""
    import pystoi

    check_pair(estimate, reference)
    if not np.any(estimate) or not np.any(reference):
        return np.nan
    state = (
        np.random.get_state()
    )  # pystoi dithers from the global generator: the score must not depend on its state
    np.random.seed(0)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
            return float(pystoi.stoi(reference, estimate, sample_rate, extended=True))
    except RuntimeWarning:
        return np.nan
    finally:
        np.random.set_state(state)
