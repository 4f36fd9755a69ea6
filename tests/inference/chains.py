"""A signal and a stream that the tests of the chain share."""

import numpy as np
from signals import voiced

from lib.inference.stream import RestorerStream


def speech_with_pauses() -> np.ndarray:
    """Voice, pauses of one hop, two hops and a long one, voice in noise; whole hops."""
    voice, hop = 3 * voiced(2.0, 1), 480
    rng = np.random.default_rng(3)
    parts = [
        voice[40 * hop : 70 * hop],
        np.zeros(hop),
        voice[70 * hop : 80 * hop],
        np.zeros(2 * hop),
        voice[80 * hop : 82 * hop],
        np.zeros(40 * hop + 100),
        voice[82 * hop : 130 * hop - 100],
        voice[: 60 * hop] + 0.02 * rng.standard_normal(60 * hop),
    ]
    return np.concatenate(parts).astype(np.float32)


def hops_of(signal: np.ndarray) -> np.ndarray:
    return signal.reshape(-1, 480)


def by_stream(generator, signal: np.ndarray) -> np.ndarray:
    """What comes out of the stream that gets hop by hop."""
    stream = RestorerStream(generator)
    return np.concatenate([stream.push(hop) for hop in hops_of(signal)])
