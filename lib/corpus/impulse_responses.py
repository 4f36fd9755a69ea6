"""Room impulse responses: where their direct path is, and how fast they decay."""

import numpy as np

SILENT_PEAK = 1e-7
DECAY_DB = (-5.0, -35.0)  # where Schroeder's integral is read: the usual T30


def direct_path(rir: np.ndarray) -> tuple[np.ndarray, int]:
    """Cut a response `[T]` so that it starts with its direct path at gain 1.

    The direct path is the first peak within 6 dB of the highest one: a reflection may be louder
    than the direct sound.

    Returns: the rest of the response, and how many samples came before it.

    Raises:
        ValueError: the response is silent.

    >>> response, n_before = direct_path(np.array([0.0, 0.0, 0.5, 0.125]))
    >>> response.tolist(), n_before
    ([1.0, 0.25], 2)
    """
    level = np.abs(rir)
    if level.max(initial=0.0) < SILENT_PEAK:
        raise ValueError("the impulse response is silent")
    first = int(np.argmax(level > level.max() / 2))
    # That sample lies on the slope of the peak: climb to the top.
    while first + 1 < len(level) and level[first + 1] > level[first]:
        first += 1
    return (rir[first:] / rir[first]).astype(np.float32), first


def t60(rir: np.ndarray, sample_rate: int) -> float:
    """Seconds in which the energy of a room decays by 60 dB; NaN if a response shows no such decay.

    Twice the time in which Schroeder's integral (J. Acoust. Soc. Am. 37, 1965) falls from -5 to
    -35 dB. A response that falls by less than 35 dB before its end has no T60 that could be read.

    pyroomacoustics' `measure_rt60` fits a line between the same levels. In small rooms, whose
    decay is not straight, it differs by up to 16 %; prepared corpora hold the values of this one.

    >>> t = np.arange(48_000) / 48_000
    >>> round(t60(10 ** (-3 * t / 0.5), 48_000), 3)
    0.5
    >>> t60(np.ones(1_000), 48_000)
    nan
    """
    energy = np.cumsum(np.square(rir, dtype=np.float64)[::-1])[::-1]
    if not energy[0] > 0:
        return float("nan")
    level = 10 * np.log10(np.maximum(energy / energy[0], 1e-12))
    high, low = DECAY_DB
    if not (level < low).any():
        return float("nan")
    return float(2 * (np.argmax(level < low) - np.argmax(level < high)) / sample_rate)
