"""Signals that the tests of DeepFilterNet3 share."""

import numpy as np
from signals import RATE, noise, voiced

HISS = noise(2.0, level=0.05, seed=3)
SPEECH = voiced(3) + 0.2 * np.resize(HISS, 3 * RATE)
PAUSE = np.zeros(RATE // 2, np.float32)
# With a pause at the start, a long and a short one inside, and an end within a hop.
WITH_PAUSES = np.concatenate(
    [PAUSE[:700], SPEECH[: RATE + 77], PAUSE, SPEECH[: RATE // 2], PAUSE[:960], SPEECH[:999]]
)


def snr_db(reference: np.ndarray, other: np.ndarray) -> float:
    """Power of the reference over that of the difference."""
    return 10 * np.log10(np.sum(reference**2) / np.sum((reference - other) ** 2))
