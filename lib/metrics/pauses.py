"""The level in the pauses of the clean recording."""

import numpy as np

from lib.audio import stft
from lib.metrics.checks import check_pair

MIN_LEVEL_DB = -100.0  # re active speech: digital silence


def pause_level_db(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Level of `estimate` in the pauses of `reference`, in dB re the speech of `reference`.

    Pauses are the frames (Hann 2048, hop 512, at 48 kHz) that `lsd_db` leaves out. Digital silence
    has -100 dB. NaN where the reference has no pause, or nothing else. The energy that a stage
    adds in silence is the difference of two such levels.

    Raises:
        ValueError: another sample rate than 48 kHz, or lengths that differ.
    """
    check_pair(estimate, reference, sample_rate)
    estimate_energy, reference_energy = (
        stft.frame_energy(stft.frames(np.asarray(signal, np.float32)))
        for signal in (estimate, reference)
    )
    active = stft.is_active(reference_energy)
    if active.all() or not active.any():
        return np.nan
    ratio = estimate_energy[~active].mean() / reference_energy[active].mean()
    return float(10 * np.log10(max(ratio, 10 ** (MIN_LEVEL_DB / 10))))
