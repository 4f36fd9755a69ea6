"""Keeping the loudness: a slow gain makes a signal as loud as its reference, without look-ahead."""

import math
from functools import cache

import numpy as np

from lib.deepfilter.grid import HOP_LENGTH, SAMPLE_RATE
from lib.inference.weighting import N_STATES, BlockMatrices, block_matrices, states_between

BLOCK_LENGTH = 48  # samples of a block of the weighting
N_BLOCKS = HOP_LENGTH // BLOCK_LENGTH
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
        self.filter_state = np.zeros((2, N_STATES))  # of reference and signal
        self.mean_powers = [START_POWER, START_POWER]
        self.gain = 1.0

    def push(self, reference: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """The next samples of both -> `signal` as loud as `reference`, float32.

        Args:
            reference, signal: `[n]` each at 48 kHz, n a multiple of 480.
        """
        if not len(signal):
            return signal
        hop_powers = self._powers(np.stack([reference, signal]))
        # One gain for the end of each hop, and the one with which the first hop begins.
        gains = np.array([self.gain, *(self._update_gain(*powers) for powers in hop_powers)])
        hops = np.arange(1, len(signal) + 1) / HOP_LENGTH
        return (signal * np.interp(hops, np.arange(len(gains)), gains)).astype(np.float32)

    def _powers(self, pair: np.ndarray) -> list[list[float]]:
        """K-weighted mean powers of both signals `[2, n]` in each hop."""
        blocks, within = _matrices()
        # Blocks as the rows of one matrix: NumPy multiplies stacks of small matrices slowly.
        samples = pair.astype(np.float64).reshape(-1, BLOCK_LENGTH)
        added = (samples @ blocks.to_state).reshape(2, -1, N_BLOCKS * N_STATES)
        of_hops = added @ within[N_STATES:]  # [2, hops, 11 * 4], without the state before the hop
        states, of_state = [self.filter_state], within[:N_STATES, -N_STATES:]
        for of_hop in of_hops[..., -N_STATES:].swapaxes(0, 1):  # the state goes on
            states.append(states[-1] @ of_state + of_hop)
        *before, self.filter_state = states
        before = np.stack(before, axis=1)  # [2, hops, 4]
        states = (of_hops + before @ within[:N_STATES])[..., :-N_STATES]
        weighted = samples @ blocks.of_samples + states.reshape(-1, N_STATES) @ blocks.of_state
        return np.square(weighted).reshape(2, -1, HOP_LENGTH).mean(axis=2).T.tolist()

    def _update_gain(self, of_reference: float, of_signal: float) -> float:
        """The gain at the end of a hop whose reference and signal have these powers."""
        if of_reference > max(GATE_RATIO * self.mean_powers[0], SILENT_POWER):
            share = HOP_LENGTH / (MEAN_SECONDS * SAMPLE_RATE)
            powers = zip(self.mean_powers, (of_reference, of_signal), strict=True)
            self.mean_powers = [mean + (power - mean) * share for mean, power in powers]
            max_gain = 10 ** (MAX_GAIN_DB / 20)
            before, after = self.mean_powers
            self.gain = min(max(math.sqrt(before / after), 1 / max_gain), max_gain)
        return self.gain


@cache
def _matrices() -> tuple[BlockMatrices, np.ndarray]:
    blocks = block_matrices(BLOCK_LENGTH)
    return blocks, states_between(blocks.states, N_BLOCKS)
