"""Log-spectral distance, and its one-sided part: what is missing."""

import numpy as np

from lib.audio import stft
from lib.metrics.checks import check_pair


def lsd_db(
    estimate: np.ndarray,
    reference: np.ndarray,
    sample_rate: int,
    bandwidth_hz: float,
    above_hz: float = 0.0,
    below_hz: float = np.inf,
) -> float:
    """Log-spectral distance in dB: RMS over bins, mean over frames; 0 is best.

    Hann window of 2048, hop 512, at 48 kHz. Frames lie wholly inside the signal; a shorter signal
    is padded. Levels are in dB of a full-scale sine, floor -80 dB. Only frames in which the
    reference is within 40 dB of its loudest frame count. NaN where no frame or no bin is left.

    Args:
        bandwidth_hz: bins from here on do not count; NaN leaves none.
        above_hz, below_hz: bins below, and from there on, do not count.

    Raises:
        ValueError: another sample rate than 48 kHz, or lengths that differ.
    """
    check_pair(estimate, reference, sample_rate)
    hz = np.fft.rfftfreq(stft.N_FFT, 1 / sample_rate)
    bins = (hz >= above_hz) & (hz < min(bandwidth_hz, below_hz))
    difference = _level_difference_db(estimate, reference, bins)
    if not difference.size:
        return np.nan
    return float(np.mean(np.sqrt(np.mean(difference**2, axis=1))))


def over_attenuation_db(
    estimate: np.ndarray, reference: np.ndarray, sample_rate: int, bandwidth_hz: float
) -> float:
    """How much level is missing, in dB: the mean over frames and bins of what falls short.

    A bin counts `reference - estimate` where that is positive, and 0 elsewhere: too much costs
    nothing, so that a louder signal scores better. Levels, frames and bins are those of `lsd_db`.

    Raises:
        ValueError: another sample rate than 48 kHz, or lengths that differ.
    """
    check_pair(estimate, reference, sample_rate)
    bins = np.fft.rfftfreq(stft.N_FFT, 1 / sample_rate) < bandwidth_hz
    difference = _level_difference_db(estimate, reference, bins)
    return float(np.mean(np.maximum(-difference, 0.0))) if difference.size else np.nan


def _level_difference_db(
    estimate: np.ndarray, reference: np.ndarray, bins: np.ndarray
) -> np.ndarray:
    """`[frames, bins]`, positive where the estimate is louder."""
    estimate_db, reference_db = stft.active_frames_db(estimate, reference)
    return estimate_db[:, bins] - reference_db[:, bins]
