"""Sentences that a machine has said: judges that learned from speech need speech."""

import numpy as np
import pytest
from signals import RATE

from lib.audio import files
from lib.corpus.piper import speak


@pytest.fixture(scope="session")
def spoken() -> list[np.ndarray]:
    """Three sentences of the embedded voice, `[T]` at 48 kHz, peak 0.5."""
    signals = [files.resample(signal, rate, RATE) for _, signal, rate in speak([0, 4, 8])]
    return [0.5 * signal / np.abs(signal).max() for signal in signals]
