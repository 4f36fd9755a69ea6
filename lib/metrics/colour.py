"""Colour: how far the long-term spectrum of the voice is tilted or coloured, in ERB bands."""

import numpy as np

from lib.audio import stft
from lib.deepfilter.grid import HOP_LENGTH, N_FFT, erb_widths
from lib.metrics.checks import check_pair

RANGE_DB = 40.0  # frames of the reference this far below its loudest one do not count
MIN_HZ = 80.0  # bands whose middle lies below hold no voice
FLOOR = 1e-12  # power of a band, -120 dB re a full-scale sine


def colour_db(
    estimate: np.ndarray, reference: np.ndarray, sample_rate: int, bandwidth_hz: float
) -> float:
    """The largest deviation of a band of the long-term spectrum from the reference, in dB.

    Whether too loud or too soft does not matter; 0 is best. See `band_changes_db`. NaN where no
    band lies below the bandwidth, or for a silent reference.

    Raises:
        ValueError: another sample rate than 48 kHz, or lengths that differ.
    """
    check_pair(estimate, reference, sample_rate)
    if not np.any(reference) or np.isnan(bandwidth_hz):
        return np.nan
    changes_db = band_changes_db(estimate, reference, sample_rate, bandwidth_hz)
    middles_hz, _ = band_edges_hz(sample_rate)
    heard = np.isfinite(changes_db) & (middles_hz >= MIN_HZ)
    return float(np.abs(changes_db[heard]).max()) if heard.any() else np.nan


def band_changes_db(
    estimate: np.ndarray, reference: np.ndarray, sample_rate: int, bandwidth_hz: float
) -> np.ndarray:
    """Power of the estimate over that of the reference in each ERB band, in dB: `[32]`.

    The bands are those of DeepFilterNet3. Power is summed over the frames (Hann window of 20 ms
    every 10 ms) in which the reference is within 40 dB of its loudest. Bands that reach beyond
    `bandwidth_hz` are NaN.
    """
    powers = [_frame_power(signal) for signal in (estimate, reference)]
    loudness = powers[1].sum(axis=1)
    active = loudness >= loudness.max() * 10 ** (-RANGE_DB / 10)
    starts = np.cumsum([0, *erb_widths()])[:-1]
    bands = [np.add.reduceat(power[active].sum(axis=0), starts) for power in powers]
    changes_db = 10 * np.log10((bands[0] + FLOOR) / (bands[1] + FLOOR))
    _, upper_hz = band_edges_hz(sample_rate)
    return np.where(upper_hz <= bandwidth_hz * 1.001, changes_db, np.nan)


def band_edges_hz(sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Middle and upper edge of each of the 32 bands, in Hz."""
    edges, hz_per_bin = np.cumsum([0, *erb_widths()]), sample_rate / N_FFT
    return (edges[:-1] + edges[1:] - 1) / 2 * hz_per_bin, (edges[1:] - 1) * hz_per_bin


def _frame_power(signal: np.ndarray) -> np.ndarray:
    """`[frames, 481]`; a full-scale sine has 1."""
    window = np.hanning(N_FFT + 1)[:-1]
    frames = stft.frames(signal, N_FFT, HOP_LENGTH)
    return np.abs(np.fft.rfft(frames * window) * (2 / window.sum())) ** 2
