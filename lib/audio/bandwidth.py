"""The upper edge of what a recording holds."""

import numpy as np
import scipy.fft
import scipy.signal
from scipy.ndimage import median_filter

from lib.audio import stft

# A band edge is a fall of at least STEP_DB within this ratio of frequencies. Real full-band
# speech falls by 17 dB at most (170 utterances).
STEP_RATIO = 1.2
STEP_DB = 20.0
EMPTY_DB = 50.0  # all above an edge lies at least this far below the peak of the spectrum
# The edge is put where the level has fallen by this much, or by DEPTH_SHARE of a smaller fall.
# The low-pass of soxr begins to fall 9 % before its end.
DEPTH_DB = 50.0
DEPTH_SHARE = 0.9
MIN_EDGE_HZ = 2000.0  # below, speech falls steeply by itself
MAX_EDGE_SHARE = 0.97  # of the Nyquist frequency; an edge above is that of the converter
WINDOW_S = 0.085
MEDIAN_HALF_WIDTH_HZ = 150  # a median over 300 Hz removes tones and leaves edges in place
BATCH_SIZE = 256  # frames that are transformed together: a recording may be an hour long


def bandwidth_hz(signal: np.ndarray, sample_rate: int) -> float:
    """Upper edge of what a recording holds, in Hz.

    It is the edge of a low-pass (an earlier, lower sample rate, a codec, a telephone), whatever
    the level of the recording. It is no energy roll-off: full-band speech falls by 60 dB up to
    20 kHz, but slowly.

    The long-term spectrum is taken with a window of 85 ms and rid of tones by a median over
    300 Hz. An edge is the lowest frequency above 2 kHz at which two things hold. All that lies
    higher is 20 dB below the spectrum at a frequency 1.2 times lower. It is also 50 dB below the
    peak of the spectrum. Edges above 97 % of the Nyquist frequency belong to the converter and do
    not count. A low-pass that falls slowly (an IIR of few poles) is placed where it has fallen by
    50 dB.

    Returns: `sample_rate / 2` if nothing cuts the recording off, NaN for silence.

    >>> from lib.audio import files
    >>> noise = np.random.default_rng(0).standard_normal(48_000)
    >>> bandwidth_hz(noise, 48_000)
    24000.0
    >>> round(bandwidth_hz(files.resample(noise, 16_000, 48_000), 48_000), -3)
    8000.0
    """
    nyquist_hz = sample_rate / 2
    hz, level = _long_term_level_db(signal, sample_rate)
    if not np.isfinite(level).any():
        return np.nan
    highest_above = np.maximum.accumulate(level[::-1])[::-1]
    fall = np.interp(hz / STEP_RATIO, hz, highest_above) - highest_above
    is_empty = highest_above <= level.max() - EMPTY_DB
    edges = np.flatnonzero((fall >= STEP_DB) & is_empty & (hz >= MIN_EDGE_HZ))
    if not len(edges):
        return nyquist_hz

    # The fall began before the first of these bins and may go on after it: take its deepest point.
    step = slice(edges[0], np.searchsorted(hz, hz[edges[0]] * STEP_RATIO) + 1)
    bottom = edges[0] + np.argmax(fall[step])
    top_db = highest_above[bottom] + fall[bottom]
    depth_db = min(DEPTH_SHARE * fall[bottom], DEPTH_DB)
    edge_hz = float(hz[np.argmax(highest_above <= top_db - depth_db)])
    return edge_hz if edge_hz < MAX_EDGE_SHARE * nyquist_hz else nyquist_hz


def _long_term_level_db(signal: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz, and the mean power there in dB (-inf: none)."""
    length = 2 ** round(np.log2(WINDOW_S * sample_rate))
    # Its side lobes lie at -92 dB, below the deepest edge that is looked for.
    window = scipy.signal.get_window("blackmanharris", length)
    frames = stft.frames(signal, length, length // 2)
    power = np.zeros(length // 2 + 1)
    for start in range(0, len(frames), BATCH_SIZE):
        spectrum = scipy.fft.rfft(frames[start : start + BATCH_SIZE] * window)
        power += np.sum(np.abs(spectrum) ** 2, axis=0)
    with np.errstate(divide="ignore"):
        level = 10 * np.log10(power / len(frames))
    n_bins = 2 * round(MEDIAN_HALF_WIDTH_HZ * length / sample_rate) + 1
    return np.fft.rfftfreq(length, 1 / sample_rate), median_filter(level, n_bins)
