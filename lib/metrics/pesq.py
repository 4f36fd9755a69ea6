"""Wide-band PESQ by ITU-T P.862.2."""

import numpy as np

from lib.audio import files
from lib.metrics.checks import check_pair

PESQ_RATE = 16_000  # Hz


def pesq_wb(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Wide-band PESQ (ITU-T P.862.2, MOS-LQO), 1.02 to 4.64; NaN for silence or less than 1/4 s.

    The package pesq computes it at 16 kHz. P.862 aligns time and level by itself: a constant delay
    or gain does not change this score.

    Raises:
        ValueError: lengths that differ.
    """
    import pesq

    check_pair(estimate, reference)
    estimate = files.resample(estimate, sample_rate, PESQ_RATE)
    reference = files.resample(reference, sample_rate, PESQ_RATE)
    if not np.any(estimate) or not np.any(reference):
        return np.nan
    try:
        # The package wants the reference first.
        return float(pesq.pesq(PESQ_RATE, reference, estimate, "wb"))
    except (pesq.NoUtterancesError, pesq.BufferTooShortError):
        return np.nan
