"""Whole signals in batches: each is what it is alone, with pauses or without, quiet or not."""

import numpy as np
from signals import RATE, noise, speech_like

from lib.deepfilter.batches import enhance_signals
from lib.deepfilter.model import load


def test_signals_of_all_kinds_together_are_what_they_are_alone():
    speech = speech_like(0.7) + noise(0.7, 0.01)
    signals = [
        speech,
        0.01 * speech[: RATE // 2 - 7],  # heard louder than it is
        np.concatenate([speech, np.zeros(RATE // 5, np.float32), speech]),  # a pause inside
        np.concatenate([np.zeros(4_800, np.float32), speech[:7_000], np.zeros(777, np.float32)]),
        np.zeros(1_000, np.float32),
        np.zeros(0, np.float32),
    ]
    for found, signal in zip(enhance_signals(load(), signals), signals, strict=True):
        (alone,) = enhance_signals(load(), [signal])
        assert found.signal.shape == signal.shape
        assert found.gains.shape == (-(-len(signal) // 480), 32)
        np.testing.assert_allclose(found.signal, alone.signal, atol=1e-6)
        assert np.linalg.norm(found.signal) >= 0.3 * np.linalg.norm(signal)
