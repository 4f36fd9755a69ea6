"""Errors of the fundamental frequency and of voicing."""

from functools import cache, lru_cache

import numpy as np

from lib.audio import files
from lib.runtime.compile_lock import compile_lock, import_librosa

PITCH_RATE = 16_000  # Hz
MIN_F0_HZ, MAX_F0_HZ = 60.0, 500.0
FRAME_LENGTH, HOP_LENGTH = 1024, 320  # 64 ms, 20 ms
# Semitones between the pitches that pyin tries. 0.1 takes twice as long and is no better in means.
RESOLUTION = 0.2


def pitch(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> dict[str, float]:
    """How far the fundamental frequency has moved, and how often only one signal is voiced.

    Probabilistic YIN (`librosa.pyin`) at 16 kHz, frames of 64 ms every 20 ms, 60 to 500 Hz.

    Returns: `f0_error_cents`, the mean distance over the frames that are voiced in both, errors of
        an octave included. `voicing_error`, the share of all frames that are voiced in only one,
        0 to 1. NaN where no frame is voiced in both, and where none of the reference is.
    """
    f0, reference_f0 = (
        # As bytes, since an array cannot be the key of a cache.
        _f0_hz(np.asarray(signal, np.float32).tobytes(), sample_rate)
        for signal in (estimate, reference)
    )
    voiced, reference_voiced = np.isfinite(f0), np.isfinite(reference_f0)
    both_voiced = voiced & reference_voiced
    errors = {"f0_error_cents": np.nan, "voicing_error": np.nan}
    if both_voiced.any():
        cents = np.abs(1200 * np.log2(f0[both_voiced] / reference_f0[both_voiced]))
        errors["f0_error_cents"] = float(np.mean(cents))
    if reference_voiced.any():
        errors["voicing_error"] = float(np.mean(voiced != reference_voiced))
    return errors


@lru_cache(8)  # every system of an item is compared with the same clean signal
def _f0_hz(signal: bytes, sample_rate: int) -> np.ndarray:
    """Fundamental frequency in each frame of a float32 signal; NaN where it is not voiced."""
    samples = files.resample(np.frombuffer(signal, np.float32), sample_rate, PITCH_RATE)
    if not samples.any():
        return np.full(1 + len(samples) // HOP_LENGTH, np.nan)
    _compile_pyin()
    return _pyin(samples)


@cache
def _compile_pyin() -> None:
    """Have numba compile what `librosa.pyin` needs, by one process at a time."""
    # Before the lock, which it takes itself.
    import_librosa()
    with compile_lock():
        # One frame needs a variant of its own.
        for n_samples in (4 * FRAME_LENGTH, HOP_LENGTH - 1):
            _pyin(np.sin(np.arange(n_samples) / 20).astype(np.float32))


def _pyin(samples: np.ndarray) -> np.ndarray:
    f0, voiced, _ = import_librosa().pyin(
        samples,
        fmin=MIN_F0_HZ,
        fmax=MAX_F0_HZ,
        sr=PITCH_RATE,
        frame_length=FRAME_LENGTH,
        hop_length=HOP_LENGTH,
        resolution=RESOLUTION,
    )
    return np.where(voiced, f0, np.nan)
