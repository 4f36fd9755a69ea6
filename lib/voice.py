"""Scores of the voice itself: its pitch, its loudness, and what listeners would say of it (DNSMOS).

Signals are mono float32 numpy arrays `[T]`; two that are compared are sample-aligned. What cannot be computed is NaN.
There is no similarity of speakers: no encoder is packaged that loads nothing from the network and installs from what it declares.
"""

from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from lib import audio

SAMPLE_RATE = 16_000  # of pitch and DNSMOS
F0_HZ = (60.0, 500.0)  # that a voice may have
FRAME_LENGTH, HOP_LENGTH = 1024, 320  # of pitch: 64 ms every 20 ms
RESOLUTION = 0.2  # semitones between the pitches that pyin tries; it is faster than 0.1 by half and as good for means
WINDOW = int(9.01 * SAMPLE_RATE)  # of DNSMOS, in samples
SHORTEST_S = 0.4  # of a signal that has a loudness: one block of BS.1770


def pitch(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> dict[str, float]:
    """How far the fundamental frequency has moved, and how often one of the two is voiced alone.

    Probabilistic YIN (librosa's pyin) at 16 kHz, frames of 64 ms every 20 ms, 60 to 500 Hz.

    Returns: `f0_error_cents`, the mean distance over frames that are voiced in both, errors of an octave among them, and
        `voicing_error`, the share of all frames that are voiced in one alone.
    """
    f0, f0_reference = (_f0(np.asarray(signal, np.float32).tobytes(), sample_rate) for signal in (estimate, reference))
    voiced, voiced_reference = np.isfinite(f0), np.isfinite(f0_reference)
    both = voiced & voiced_reference
    cents = np.abs(1200 * np.log2(f0[both] / f0_reference[both]))
    return {
        "f0_error_cents": float(np.mean(cents)) if both.any() else np.nan,
        "voicing_error": float(np.mean(voiced != voiced_reference)) if voiced_reference.any() else np.nan,
    }


def loudness_lufs(signal: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness (ITU-R BS.1770-4, pyloudnorm) in LUFS; NaN for silence or less than 0.4 s.

    >>> t = np.arange(48_000) / 48_000
    >>> abs(loudness_lufs(np.sin(2 * np.pi * 997 * t), 48_000) - -3.01) < 0.1  # -3.01 is the standard's
    True
    """
    import pyloudnorm

    if len(signal) < SHORTEST_S * sample_rate or not np.any(signal):
        return np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        loudness = pyloudnorm.Meter(sample_rate).integrated_loudness(np.asarray(signal, np.float64))
    return float(loudness) if np.isfinite(loudness) else np.nan


def loudness_difference_lu(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Distance of two loudnesses in LU, whichever is louder."""
    return abs(loudness_lufs(estimate, sample_rate) - loudness_lufs(reference, sample_rate))


def dnsmos(signal: np.ndarray, sample_rate: int) -> dict[str, float]:
    """What a network that learned from listeners says of a signal alone (DNSMOS P.835 and P.808, arXiv:2110.01763), 1 to 5.

    The package speechmos at 16 kHz, not personalised: the mean of windows of 9.01 s, one a second. A shorter one is repeated to
    one window; the package repeats it to up to 18 s and takes the mean of up to 9, much slower for a difference of 0.01
    (mean of 42 recordings; 0.1 at most). It knows nothing of the clean recording, nor of anything above 8 kHz, and minds
    the level; what clips it is scaled.

    Returns: `dnsmos_sig`, `dnsmos_bak`, `dnsmos_ovrl` (P.835: voice, background, both) and `dnsmos_p808`.
    """
    names = {"sig": "sig_mos", "bak": "bak_mos", "ovrl": "ovrl_mos", "p808": "p808_mos"}
    if not np.any(signal):
        return {f"dnsmos_{short}": np.nan for short in names}
    signal = audio.resample(np.asarray(signal, np.float32), sample_rate, SAMPLE_RATE)
    signal = np.resize(signal, max(len(signal), WINDOW))
    found = _listener()(signal / max(1.0, float(np.abs(signal).max())), SAMPLE_RATE, False)
    return {f"dnsmos_{short}": float(found[name]) for short, name in names.items()}


@lru_cache(8)  # the systems of an item share its clean signal
def _f0(signal: bytes, sample_rate: int) -> np.ndarray:
    """Fundamental frequency in Hz of each frame, NaN where there is none."""
    import librosa

    samples = audio.resample(np.frombuffer(signal, np.float32), sample_rate, SAMPLE_RATE)
    if not samples.any():
        return np.full(1 + len(samples) // HOP_LENGTH, np.nan)
    f0, voiced, _ = librosa.pyin(
        samples, fmin=F0_HZ[0], fmax=F0_HZ[1], sr=SAMPLE_RATE, frame_length=FRAME_LENGTH, hop_length=HOP_LENGTH,
        resolution=RESOLUTION,
    )  # fmt: skip
    return np.where(voiced, f0, np.nan)


@cache
def _listener():
    """DNSMOS, its networks on one thread each: scores are computed in parallel processes."""
    import onnxruntime
    import speechmos.dnsmos

    folder = Path(speechmos.dnsmos.__file__).parent / "dnsmos_models"
    listener = speechmos.dnsmos.DNSMOS(str(folder / "sig_bak_ovr.onnx"), str(folder / "model_v8.onnx"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    listener.onnx_sess = onnxruntime.InferenceSession(str(folder / "sig_bak_ovr.onnx"), options)
    listener.p808_onnx_sess = onnxruntime.InferenceSession(str(folder / "model_v8.onnx"), options)
    return listener
