"""Log-spectral distance, and its one-sided part: what is missing."""

import numpy as np

from lib.audio import stft
from lib.audio.stft import N_FFT
from lib.metrics.checks import check_pair


def lsd_db(
    estimate: np.ndarray,
    reference: np.ndarray,
    sample_rate: int,
    bandwidth_hz: float,
    above_hz: float = 0.0,
) -> float:
    """Log-spectral distance in dB: RMS over bins, mean over frames; 0 is best.

    Hann window of 2048, hop 512, at 48 kHz; frames that lie wholly inside the signal (a shorter signal is padded);
    levels in dB of a full-scale sine, floor -80 dB; frames in which the reference is within 40 dB of its loudest frame;
    bins at or above `above_hz` (Hz) and below `bandwidth_hz` (Hz).

    Raises:
        ValueError: another sample rate than 48 kHz, or lengths that differ.
    """
    check_pair(estimate, reference, sample_rate)
    hz = np.fft.rfftfreq(N_FFT, 1 / sample_rate)
    bins = (hz >= above_hz) & (hz < bandwidth_hz)  # none for a NaN
    estimate, reference = (levels[:, bins] for levels in stft.active_levels_db(estimate, reference))
    if not reference.size:
        return np.nan
    return float(np.mean(np.sqrt(np.mean((estimate - reference) ** 2, axis=1))))


def over_attenuation_db(
    estimate: np.ndarray, reference: np.ndarray, sample_rate: int, bandwidth_hz: float
) -> float:
    """What is missing, in dB: the mean over frames and bins of `reference - estimate` where that is positive, 0 elsewhere.

    Levels, frames and bins are those of `lsd_db`; what is too much costs nothing, so that a louder signal scores better.
    """
    check_pair(estimate, reference, sample_rate)
    bins = np.fft.rfftfreq(N_FFT, 1 / sample_rate) < bandwidth_hz
    estimate, reference = (levels[:, bins] for levels in stft.active_levels_db(estimate, reference))
    return float(np.mean(np.maximum(reference - estimate, 0.0))) if reference.size else np.nan
