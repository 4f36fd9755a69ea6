"""Keeping the loudness: a slow gain makes a signal as loud as its reference, without look-ahead."""

import numpy as np
from scipy.signal import sosfilt

from lib.deepfilter.grid import HOP_LENGTH, SAMPLE_RATE

# The K weighting of ITU-R BS.1770-4 at 48 kHz: a shelf for the head's effect, and a high-pass that
# takes away what is below 40 Hz. Numerators and denominators of the two second-order sections.
SHELF_B = (1.53512485958697, -2.69169618940638, 1.19839281085285)
SHELF_A = (1.0, -1.69065929318241, 0.73248077421585)
HIGH_PASS_B = (1.0, -2.0, 1.0)
HIGH_PASS_A = (1.0, -1.99004745483398, 0.99007225036621)
K_WEIGHTING = np.array([SHELF_B + SHELF_A, HIGH_PASS_B + HIGH_PASS_A])

MEAN_SECONDS = 3.0  # time constant of the running means of the powers
START_POWER = 1e-4  # -40 dB for both running means at the start, so that the gain begins at 1
# A hop counts as speech if it is above -70 dB and at most 20 dB below the running mean.
GATE_RATIO = 0.01
SILENT_POWER = 1e-7
MAX_GAIN_DB = 6.0  # up or down


class LoudnessMatcher:
    """A gain that keeps a signal as loud as its reference, by the K-weighted powers of both.

    A restorer is trained for timbre, and its output may be a decibel louder or softer than its
    input; this gain takes the difference back. It follows the powers of the last seconds of
    speech, and moves along a straight line within a hop.

    >>> speech = np.random.default_rng(0).standard_normal(10 * SAMPLE_RATE) / 10
    >>> matched = LoudnessMatcher().push(speech, 1.5 * speech)
    >>> float(np.round(np.std(matched[-SAMPLE_RATE:]) / np.std(speech), 2))
    1.0
    """

    def __init__(self) -> None:
        self.filter_state = np.zeros((len(K_WEIGHTING), 2, 2))  # section, signal, two delays
        self.mean_powers = np.full(2, START_POWER)  # of reference and signal
        self.gain = 1.0

    def push(self, reference: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """The next samples of both -> `signal` as loud as `reference`, float32.

        Args:
            reference, signal: `[n]` each at 48 kHz, n a multiple of 480.
        """
        if not len(signal):
            return signal
        pair = np.stack([reference, signal])
        # Both signals at once; the state goes on where the last chunk ended.
        weighted, self.filter_state = sosfilt(K_WEIGHTING, pair, zi=self.filter_state)
        hop_powers = np.square(weighted.reshape(2, -1, HOP_LENGTH)).mean(axis=2)
        # One gain for the end of each hop, and the one with which the first hop begins.
        gains = np.array([self.gain, *(self._update_gain(powers) for powers in hop_powers.T)])
        hops = np.arange(1, len(signal) + 1) / HOP_LENGTH
        return (signal * np.interp(hops, np.arange(len(gains)), gains)).astype(np.float32)

    def _update_gain(self, powers: np.ndarray) -> float:
        """The gain at the end of a hop whose reference and signal have these powers."""
        if powers[0] > max(GATE_RATIO * self.mean_powers[0], SILENT_POWER):
            self.mean_powers += (
                (powers - self.mean_powers) * HOP_LENGTH / (MEAN_SECONDS * SAMPLE_RATE)
            )
            max_gain = 10 ** (MAX_GAIN_DB / 20)
            ratio = self.mean_powers[0] / self.mean_powers[1]
            self.gain = float(np.clip(np.sqrt(ratio), 1 / max_gain, max_gain))
        return self.gain
