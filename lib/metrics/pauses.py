"""What is heard in the pauses of the clean recording."""

import numpy as np

from lib.audio import stft
from lib.metrics.checks import check_pair

PAUSE_FLOOR_DB = -100.0  # re active speech: digital silence


def pause_level_db(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Level of `estimate` in the pauses of `reference`, in dB re the level of `reference` where it is active.

    Pauses are the frames (Hann 2048, hop 512, at 48 kHz) that `lsd_db` leaves out. The lowest is -100 dB, digital silence; NaN
    where the reference has no pause, or nothing but pauses. The energy that a stage adds in silence is the difference of two.
    """
    check_pair(estimate, reference, sample_rate)
    framed = [stft.frames(np.asarray(signal, np.float32)) for signal in (estimate, reference)]
    energy, energy_reference = (np.mean((frames * stft.hann()) ** 2, axis=1) for frames in framed)
    active = stft.active_frames(energy_reference)
    if active.all() or not active.any():
        return np.nan
    ratio = energy[~active].mean() / energy_reference[active].mean()
    return float(10 * np.log10(max(ratio, 10 ** (PAUSE_FLOOR_DB / 10))))
