"""Scores of the voice itself: its pitch, its loudness, and what listeners would say of it (DNSMOS).

Signals are mono float32 numpy arrays `[T]`; two that are compared are sample-aligned. What cannot be computed is NaN.
There is no similarity of speakers: no encoder is packaged that loads nothing from the network and installs from what it declares.
"""

from functools import lru_cache

import numpy as np

from lib.audio import files

SAMPLE_RATE = 16_000  # of pitch and DNSMOS
F0_HZ = (60.0, 500.0)  # that a voice may have
FRAME_LENGTH, HOP_LENGTH = 1024, 320  # of pitch: 64 ms every 20 ms
RESOLUTION = 0.2  # semitones between the pitches that pyin tries; it is faster than 0.1 by half and as good for means


def pitch(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> dict[str, float]:
    """How far the fundamental frequency has moved, and how often one of the two is voiced alone.

    Probabilistic YIN (librosa's pyin) at 16 kHz, frames of 64 ms every 20 ms, 60 to 500 Hz.

    Returns: `f0_error_cents`, the mean distance over frames that are voiced in both, errors of an octave among them, and
        `voicing_error`, the share of all frames that are voiced in one alone.
    """
    f0, f0_reference = (
        _f0(np.asarray(signal, np.float32).tobytes(), sample_rate)
        for signal in (estimate, reference)
    )
    voiced, voiced_reference = np.isfinite(f0), np.isfinite(f0_reference)
    both = voiced & voiced_reference
    cents = np.abs(1200 * np.log2(f0[both] / f0_reference[both]))
    return {
        "f0_error_cents": float(np.mean(cents)) if both.any() else np.nan,
        "voicing_error": float(np.mean(voiced != voiced_reference))
        if voiced_reference.any()
        else np.nan,
    }


@lru_cache(8)  # the systems of an item share its clean signal
def _f0(signal: bytes, sample_rate: int) -> np.ndarray:
    """Fundamental frequency in Hz of each frame, NaN where there is none."""
    import librosa

    samples = files.resample(np.frombuffer(signal, np.float32), sample_rate, SAMPLE_RATE)
    if not samples.any():
        return np.full(1 + len(samples) // HOP_LENGTH, np.nan)
    f0, voiced, _ = librosa.pyin(
        samples, fmin=F0_HZ[0], fmax=F0_HZ[1], sr=SAMPLE_RATE, frame_length=FRAME_LENGTH, hop_length=HOP_LENGTH,
        resolution=RESOLUTION,
    )  # fmt: skip
    return np.where(voiced, f0, np.nan)
