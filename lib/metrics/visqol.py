"""ViSQOL at 48 kHz: how similar two spectrograms are, mapped to a mean opinion score."""

from functools import cache
from typing import Any

import numpy as np

from lib.metrics.checks import check_pair
from lib.runtime.compile_lock import compile_lock
from lib.runtime.threads import one_thread

SAMPLE_RATE = 48_000  # Hz, of the mode `audio`
MAX_MOS = 4.7321  # of a signal beside itself: what the mapping of the mode `audio` gives
MIN_DURATION_S = 1.0  # of a signal that has a score: a few patches of 0.6 s


def visqol(
    estimate: np.ndarray, reference: np.ndarray, sample_rate: int, bandwidth_hz: float
) -> float:
    """Mean opinion score of the mode `audio` (ViSQOL v3), 1 to 4.73; NaN for silence or below 1 s.

    Chinen et al., "ViSQOL v3: An Open Source Production Ready Objective Speech and Audio Metric"
    (arXiv:2004.09584), the package `visqol-python`. It hears gammatone bands from 50 Hz to 15 kHz
    and forgives the level. Its search for a delay is off, since the signals are aligned. Both
    signals are heard up to `bandwidth_hz`: above it there is nothing to be similar to, and hiss
    60 dB down would decide.

    Raises:
        ValueError: another sample rate than 48 kHz, or lengths that differ.
    """
    check_pair(estimate, reference, sample_rate)
    silent = not np.any(estimate) or not np.any(reference)
    if silent or np.isnan(bandwidth_hz) or len(reference) < MIN_DURATION_S * SAMPLE_RATE:
        return np.nan
    signals = (_band_limit(signal, bandwidth_hz) for signal in (reference, estimate))
    # Numba would leave another number of threads to the whole process, also to a training in it.
    with one_thread():
        return float(_api().measure_from_arrays(*signals, SAMPLE_RATE).moslqo)


def _band_limit(signal: np.ndarray, bandwidth_hz: float) -> np.ndarray:
    """`[T]` in double precision, without what lies above the bandwidth."""
    signal = np.asarray(signal, np.float64)
    if bandwidth_hz >= SAMPLE_RATE / 2:
        return signal
    spectrum = np.fft.rfft(signal)
    spectrum[np.fft.rfftfreq(len(signal), 1 / SAMPLE_RATE) > bandwidth_hz] = 0.0
    return np.fft.irfft(spectrum, len(signal))


@cache
def _api() -> Any:
    from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode="audio", disable_global_alignment=True, disable_realignment=True)
    # numba compiles in the first call ever, by one process at a time.
    noise = np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE)
    with compile_lock():
        api.measure_from_arrays(noise, noise, SAMPLE_RATE)
    return api
