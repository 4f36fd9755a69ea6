"""The upper edge of what a recording holds."""

import numpy as np
import scipy.fft
import scipy.signal
from scipy.ndimage import median_filter

from lib.audio import stft

STEP_RATIO = 1.2  # bandwidth: a band edge falls within this ratio of frequencies ...
STEP_DB = (
    20.0  # ... by more than real full-band speech does (measured: 17 dB at most, in 170 utterances)
)
EMPTY_DB = 50.0  # and leaves nothing above it that is nearer than this to the spectrum's peak
DEPTH_DB = 50.0  # the edge is where this much, or 90 % of a smaller fall, is done: soxr's begins 9 % before its end
LOWEST_HZ = 2000.0  # no edge is sought below: there speech falls steeply by itself


def bandwidth_hz(signal: np.ndarray, sample_rate: int) -> float:
    """Upper edge of what a recording holds, in Hz: `sample_rate / 2` if nothing cuts it off, NaN for silence.

    It is the edge of a low-pass (an earlier, lower sample rate, a codec, a telephone), found at any level, and not an
    energy roll-off: full-band speech falls by 60 dB up to 20 kHz, but slowly. The long-term spectrum is taken with a
    window of 85 ms and rid of tones (a median over 300 Hz); an edge is the lowest frequency, above 2 kHz, at which all
    that lies higher is 20 dB below the spectrum at a frequency 1.2 times lower, and 50 dB below its peak. Edges above
    97 % of the Nyquist frequency are the converter's own and do not count. A low-pass whose fall is not done within 3 %
    (an IIR of few poles) is placed where it has fallen by 50 dB.

    >>> from lib.audio import files
    >>> noise = np.random.default_rng(0).standard_normal(48_000)
    >>> bandwidth_hz(noise, 48_000)
    24000.0
    >>> round(bandwidth_hz(files.resample(noise, 16_000, 48_000), 48_000), -3)
    8000.0
    """
    hz, level = _long_term_level_db(signal, sample_rate)
    if not np.isfinite(level).any():
        return np.nan
    above = np.maximum.accumulate(level[::-1])[::-1]  # the highest level from here on
    fall = np.interp(hz / STEP_RATIO, hz, above) - above
    edges = np.flatnonzero(
        (fall >= STEP_DB) & (above <= level.max() - EMPTY_DB) & (hz >= LOWEST_HZ)
    )
    if not len(edges):
        return sample_rate / 2
    around = slice(edges[0], np.searchsorted(hz, hz[edges[0]] * STEP_RATIO) + 1)
    bottom = edges[0] + np.argmax(fall[around])
    top_db = above[bottom] + fall[bottom]
    edge = float(hz[np.argmax(above <= top_db - min(0.9 * fall[bottom], DEPTH_DB))])
    return edge if edge < 0.97 * sample_rate / 2 else sample_rate / 2


def _long_term_level_db(signal: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz and mean power in dB (-inf: none), smoothed by a median over 300 Hz: edges stay in place."""
    length = 2 ** round(np.log2(0.085 * sample_rate))
    window = scipy.signal.get_window(
        "blackmanharris", length
    )  # side lobes of -92 dB: an edge may be that deep
    frames, power = stft.frames(signal, length, length // 2), np.zeros(length // 2 + 1)
    for start in range(0, len(frames), 256):  # in blocks: a recording may be an hour long
        power += np.sum(np.abs(scipy.fft.rfft(frames[start : start + 256] * window)) ** 2, axis=0)
    with np.errstate(divide="ignore"):
        level = 10 * np.log10(power / len(frames))
    return np.fft.rfftfreq(length, 1 / sample_rate), median_filter(
        level, 2 * round(150 * length / sample_rate) + 1
    )
