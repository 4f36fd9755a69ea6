"""Mel-cepstral distortion."""

from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.signal

from lib.audio import stft
from lib.audio.stft import N_FFT
from lib.metrics.checks import check_pair

N_MELS, N_CEPSTRA = 80, 24


def mcd_db(
    estimate: np.ndarray, reference: np.ndarray, sample_rate: int, bandwidth_hz: float
) -> float:
    """Mel-cepstral distortion in dB, `10 / ln 10 * sqrt(2 * sum d^2)`, mean over frames; 0 is best; no time warping.

    `d` are differences of cepstra 1 to 24 (no c0: level does not count), the orthonormal DCT of 80 log mel magnitudes
    (ln; Slaney's mel scale from 0 to `bandwidth_hz`; the root of a band's weighted mean power), with the frames and the
    -80 dB floor of `lsd_db`. Orthonormal makes it sqrt(40) times the RMS difference in dB of two smooth mel spectra.

    Raises:
        ValueError: another sample rate than 48 kHz, lengths that differ, a bandwidth below 1 kHz.
    """
    check_pair(estimate, reference, sample_rate)
    if bandwidth_hz < 1000:
        raise ValueError(
            f"bandwidth_hz is {bandwidth_hz}, expected at least 1000 Hz: 80 mel bands need bins to hold"
        )
    powers = stft.active_power(estimate, reference)
    if not len(powers[1]) or np.isnan(bandwidth_hz):
        return np.nan
    filters = _mel_filters(sample_rate, min(float(bandwidth_hz), sample_rate / 2))
    levels = (stft.floored_level_db(power @ filters) * (np.log(10) / 20) for power in powers)
    estimate, reference = (
        scipy.fft.dct(level, type=2, norm="ortho", axis=1)[:, 1 : N_CEPSTRA + 1] for level in levels
    )
    return float(
        10 / np.log(10) * np.mean(np.sqrt(2 * np.sum((estimate - reference) ** 2, axis=1)))
    )


@lru_cache(maxsize=64)
def _mel_filters(sample_rate: int, bandwidth_hz: float) -> np.ndarray:
    """`[F, N_MELS]`; the weights of a band sum to one, so that a band of floor is at the floor."""
    import librosa.filters

    filters = librosa.filters.mel(
        sr=sample_rate, n_fft=N_FFT, n_mels=N_MELS, fmax=bandwidth_hz, norm=None
    )
    return (filters / filters.sum(axis=1, keepdims=True)).T
