"""ViSQOL at 48 kHz: how similar two spectrograms are, mapped to a mean opinion score."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np
import scipy.signal

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
    signals = (
        # As bytes, since an array cannot be the key of a cache.
        _band_limit(np.asarray(signal, np.float64).tobytes(), bandwidth_hz)
        for signal in (reference, estimate)
    )
    # Numba would leave another number of threads to the whole process, also to a training in it.
    with one_thread():
        return float(_api().measure_from_arrays(*signals, SAMPLE_RATE).moslqo)


@lru_cache(2)  # the systems of an item share its clean signal
def _band_limit(signal: bytes, bandwidth_hz: float) -> np.ndarray:
    """`[T]` in double precision, without what lies above the bandwidth.

    The bins of the discrete Fourier transform of the whole signal are kept or left out. This is
    a circular convolution with their sum, which takes two transforms of a handy length: those of
    the signal's own length would take up to thirty times longer.
    """
    samples = np.frombuffer(signal, np.float64)
    if bandwidth_hz >= SAMPLE_RATE / 2:
        return samples
    n = len(samples)
    # Those of positive frequency, their mirror images, and that of 0 Hz.
    n_kept = 2 * np.count_nonzero(np.fft.rfftfreq(n, 1 / SAMPLE_RATE) <= bandwidth_hz) - 1
    angles = np.pi * np.arange(1, n) / n
    kernel = np.concatenate([[n_kept], np.sin(n_kept * angles) / np.sin(angles)]) / n
    limited = scipy.signal.fftconvolve(samples, kernel)
    return limited[:n] + np.append(limited[n:], 0.0)


@cache
def _api() -> Any:
    from visqol import VisqolApi

    api = VisqolApi()
    api.create(mode="audio", disable_global_alignment=True, disable_realignment=True)
    # numba compiles in the first call ever, by one process at a time.
    noise = np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE)
    with compile_lock():
        api.measure_from_arrays(noise, noise, SAMPLE_RATE)
    # Most of the time goes into spectrograms, and that of clean is needed for each system.
    builder = api._manager.spect_builder
    builder.build = _remembered(builder.build)
    return api


def _remembered(build: Callable) -> Callable:
    """`build(signal, window)` of the package, which keeps its last two spectrograms."""
    spectrograms: dict[bytes, Any] = {}

    def build_once(signal: Any, window: Any) -> Any:
        key = np.asarray(signal.data).tobytes()
        # Put in again: the oldest one is that which was not asked for the longest.
        spectrograms[key] = spectrograms.pop(key, None) or build(signal, window)
        if len(spectrograms) > 2:
            del spectrograms[next(iter(spectrograms))]
        return spectrograms[key]

    return build_once
