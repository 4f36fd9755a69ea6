"""A light equaliser of one or two bands, as microphones and places colour a voice.

An equaliser is written as text, `peak 1200 +3.1; highshelf 5000 -4.0`: kind, Hz, dB.
"""

from collections.abc import Sequence

import numpy as np
from scipy.signal import sosfilt

from lib.audio.files import SAMPLE_RATE

KINDS = ("lowshelf", "peak", "highshelf")
RANGES_HZ = {"lowshelf": (80, 500), "peak": (150, 8_000), "highshelf": (2_000, 10_000)}
MAX_GAIN_DB = 6.0
Q = {"lowshelf": 0.7, "peak": 1.0, "highshelf": 0.7}
N_NUMBERS = 7  # that `draw` wants


def draw(numbers: Sequence[float]) -> str:
    """An equaliser from seven numbers in [0, 1): one band, and in half of the cases two.

    >>> draw([0.0, 0.5, 0.75, 0.7, 0.0, 0.0, 0.9])
    'lowshelf 200 +3.0'
    >>> draw([0.5, 0.0, 1.0, 0.2, 0.9, 1.0, 0.0])
    'peak 150 +6.0; highshelf 10000 -6.0'
    """
    bands = [_band(*numbers[:3])]
    if numbers[3] < 0.5:
        bands.append(_band(*numbers[4:]))
    return "; ".join(bands)


def equalise(signal: np.ndarray, equaliser: str) -> np.ndarray:
    """`signal` `[T]` at 48 kHz through an equaliser.

    >>> t = np.arange(48_000) / 48_000
    >>> after = equalise(np.sin(2 * np.pi * 1000 * t), "peak 1000 +6.0; highshelf 9000 -6.0")
    >>> bool(np.isclose(np.abs(after[24_000:]).max(), 10 ** (6 / 20), rtol=0.01))
    True
    """
    if not equaliser:
        return signal
    bands = [band.split() for band in equaliser.split("; ")]
    sos = np.stack([_biquad(kind, float(hz), float(gain_db)) for kind, hz, gain_db in bands])
    return sosfilt(sos, signal).astype(signal.dtype)


def _band(kind: float, hz: float, gain: float) -> str:
    name = KINDS[min(int(kind * len(KINDS)), len(KINDS) - 1)]
    low, high = RANGES_HZ[name]
    return f"{name} {low * (high / low) ** hz:.0f} {MAX_GAIN_DB * (2 * gain - 1):+.1f}"


def _biquad(kind: str, hz: float, gain_db: float) -> np.ndarray:
    """Coefficients `[6]` of R. Bristow-Johnson's audio EQ cookbook."""
    a, w = 10 ** (gain_db / 40), 2 * np.pi * hz / SAMPLE_RATE
    cos, alpha = np.cos(w), np.sin(w) / (2 * Q[kind])
    if kind == "peak":
        b0, b1, b2 = 1 + alpha * a, -2 * cos, 1 - alpha * a
        a0, a1, a2 = 1 + alpha / a, -2 * cos, 1 - alpha / a
    else:
        # A high shelf is a low shelf with the other sign of the cosine.
        sign = 1 if kind == "lowshelf" else -1
        cos, root = sign * cos, 2 * np.sqrt(a) * alpha
        b0 = a * ((a + 1) - (a - 1) * cos + root)
        b1 = sign * 2 * a * ((a - 1) - (a + 1) * cos)
        b2 = a * ((a + 1) - (a - 1) * cos - root)
        a0 = (a + 1) + (a - 1) * cos + root
        a1 = sign * -2 * ((a - 1) + (a + 1) * cos)
        a2 = (a + 1) + (a - 1) * cos - root
    return np.array([b0, b1, b2, a0, a1, a2]) / a0
