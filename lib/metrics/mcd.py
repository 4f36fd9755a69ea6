"""Mel-cepstral distortion."""

from functools import lru_cache

import numpy as np
import scipy.fft

from lib.audio import stft
from lib.metrics.checks import check_pair
from lib.runtime.compile_lock import import_librosa

N_MELS = 80
N_CEPSTRA = 24  # the order: cepstra 1 to 24
MIN_BANDWIDTH_HZ = 1000.0


def mcd_db(
    estimate: np.ndarray, reference: np.ndarray, sample_rate: int, bandwidth_hz: float
) -> float:
    """Mel-cepstral distortion in dB, `10 / ln 10 * sqrt(2 * sum d^2)`, mean over frames; 0 is best.

    `d` are the differences of mel cepstra 1 to 24, without c0: level does not count. The frames
    are those of `lsd_db`; there is no time warping. `L[n]` is the natural logarithm of the
    magnitude in mel band n of 80, on the mel scale of Slaney from 0 Hz to `bandwidth_hz`. A
    magnitude is the root of the weighted mean power of its band, floor -80 dB of a full-scale sine.

    The cepstra are the coefficients of the cosine series of a frame,

        L[n] = c0 / 2 + sum_k c[k] cos(pi k (n + 1/2) / 80)
        c[k] = 2 / 80 * sum_n L[n] cos(pi k (n + 1/2) / 80)

    the scale of the unnormalised DCT in the literature. So the distortion is the RMS difference
    in dB of two smooth log mel spectra: a ripple of 0.61 dB RMS scores 0.61 dB.

    Raises:
        ValueError: another sample rate than 48 kHz, lengths that differ, a bandwidth below 1 kHz.
    """
    check_pair(estimate, reference, sample_rate)
    if bandwidth_hz < MIN_BANDWIDTH_HZ:
        raise ValueError(
            f"bandwidth_hz is {bandwidth_hz}, expected at least {MIN_BANDWIDTH_HZ:g} Hz:"
            f" each of {N_MELS} mel bands needs a bin"
        )
    powers = stft.active_power(estimate, reference)
    if not len(powers[1]) or np.isnan(bandwidth_hz):
        return np.nan
    # There are no bins above the Nyquist frequency.
    filters = _mel_filters(sample_rate, min(float(bandwidth_hz), sample_rate / 2))
    # [frames, F] @ [F, N_MELS]; 20 dB are a factor of 10 in magnitude, so ln 10.
    log_magnitudes = (stft.power_to_db(power @ filters) * (np.log(10) / 20) for power in powers)
    estimate_dct, reference_dct = (
        scipy.fft.dct(log_magnitude, type=2, norm="ortho", axis=1)[:, 1 : N_CEPSTRA + 1]
        for log_magnitude in log_magnitudes
    )
    # The orthonormal DCT is sqrt(N / 2) times the coefficients c of the cosine series.
    distances = np.sqrt(2 * np.sum((estimate_dct - reference_dct) ** 2, axis=1))
    return float(10 / np.log(10) * np.mean(distances) / np.sqrt(N_MELS / 2))


@lru_cache(maxsize=64)
def _mel_filters(sample_rate: int, bandwidth_hz: float) -> np.ndarray:
    """`[F, N_MELS]`; the weights of a band sum to one, so that a band of floor is at the floor."""
    filters = import_librosa().filters.mel(
        sr=sample_rate, n_fft=stft.N_FFT, n_mels=N_MELS, fmax=bandwidth_hz, norm=None
    )
    return (filters / filters.sum(axis=1, keepdims=True)).T
