"""Loudness that stays: what is restored follows that of what the first stage gave, slowly, hop by hop, without looking ahead."""

import numpy as np
from scipy.signal import lfilter, sos2tf

from lib.deepfilter.grid import HOP_LENGTH, SAMPLE_RATE

K_WEIGHTING = sos2tf([  # at 48 kHz, of ITU-R BS.1770-4: the head, then what is below 40 Hz counts less
    [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
    [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
])  # fmt: skip
SECONDS = 3.0  # of the running means
FIRST_POWER = 1e-4  # -40 dB, as if both had been heard before: the gain begins at 1
GATE = 0.01  # hops 20 dB below the running mean do not count: pauses; nor do those below ...
SILENT_POWER = 1e-7  # ... -70 dB
MAX_GAIN_DB = 6.0  # of gain, up or down


class LoudnessMatcher:
    """A gain that keeps a signal as loud as its reference, both by their K-weighted powers in the last seconds of speech.

    A restorer is trained for timbre, and may be a decibel louder or softer than what it gets; this takes it back. It changes over
    seconds, within a hop along a straight line.

    >>> speech = np.random.default_rng(0).standard_normal(10 * SAMPLE_RATE) / 10
    >>> louder = LoudnessMatcher().push(speech, 1.5 * speech)
    >>> float(np.round(np.std(louder[-SAMPLE_RATE:]) / np.std(speech), 2))
    1.0
    """

    def __init__(self):
        self.filters = np.zeros((2, 4))  # states of (reference, signal)
        self.powers = np.full(2, FIRST_POWER)
        self.gain = 1.0

    def push(self, reference: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """The next samples `[n]` of both, whole hops of 480 at 48 kHz -> `signal` as loud as `reference`, float32."""
        if not len(signal):
            return signal
        both = np.stack([reference, signal])
        weighted, self.filters = lfilter(*K_WEIGHTING, both, zi=self.filters)
        hops = np.square(weighted.reshape(2, -1, HOP_LENGTH)).mean(axis=2)
        gains = np.concatenate([[self.gain], [self._after(powers) for powers in hops.T]])
        places = np.arange(1, both.shape[1] + 1) / HOP_LENGTH
        return (signal * np.interp(places, np.arange(len(gains)), gains)).astype(np.float32)

    def _after(self, powers: np.ndarray) -> float:
        """The gain at the end of a hop with these powers."""
        if powers[0] > max(GATE * self.powers[0], SILENT_POWER):
            self.powers += (powers - self.powers) * HOP_LENGTH / (SECONDS * SAMPLE_RATE)
            most = 10 ** (MAX_GAIN_DB / 20)
            self.gain = float(np.clip(np.sqrt(self.powers[0] / self.powers[1]), 1 / most, most))
        return self.gain
