"""Wide-band PESQ by ITU-T P.862.2."""

import numpy as np

from lib.audio import files
from lib.metrics.checks import check_pair


def pesq_wb(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Wide-band PESQ (ITU-T P.862.2, MOS-LQO, 1.02 to 4.64) at 16 kHz; NaN for silence or less than 1/4 s.

    P.862 aligns in time and level by itself: a constant delay or gain does not show in this score.
    """
    import pesq

    check_pair(estimate, reference)
    estimate, reference = (
        files.resample(signal, sample_rate, 16_000) for signal in (estimate, reference)
    )
    if not np.any(estimate) or not np.any(reference):
        return np.nan
    try:
        return float(pesq.pesq(16_000, reference, estimate, "wb"))
    except (pesq.NoUtterancesError, pesq.BufferTooShortError):
        return np.nan
