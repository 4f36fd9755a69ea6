"""Formants moved up or down, as in a shorter or longer vocal tract; pitch and length stay.

Each frame's spectral envelope is stretched along the frequency axis, and the spectrum gets the
gain from the old envelope to the new one. So harmonics stay where they are.
"""

from collections.abc import Iterator

import numpy as np
import scipy.fft

from lib.audio import stft
from lib.audio.files import SAMPLE_RATE
from lib.audio.stft import HOP_LENGTH, N_FFT

PERIOD_S = (0.0022, 0.0125)  # of a voice: 80 to 450 Hz
ENVELOPE_SHARE = 0.6  # of the voice's period: harmonics show from a whole period on
N_ROUNDS = 3  # that lift an envelope from the mean of the harmonics to their tops
FLOOR_DB = -60.0  # re the loudest bin of a frame: the envelope does not go lower
MAX_GAIN_DB = 12.0
SHIFTED_HZ = 8_000.0  # up to here all is shifted; above, the shift fades: 24 kHz stays 24 kHz
BATCH_SIZE = 256  # frames that are transformed together
QUEFRENCY_S = np.minimum(np.arange(N_FFT), N_FFT - np.arange(N_FFT)) / SAMPLE_RATE


def shift(signal: np.ndarray, factor: float) -> np.ndarray:
    """`signal` `[T]` at 48 kHz with its formants at `factor` times their frequency.

    Gains are within 12 dB, so that the edge of a band-limited recording stays. A factor of 1
    returns the signal itself.

    An envelope is made of the cepstrum below the period of the voice, and laid on the tops of the
    harmonics: the "true envelope" (A. Roebel and X. Rodet, Efficient spectral envelope estimation,
    DAFx 2005).

    >>> noise = np.random.default_rng(0).standard_normal(9_600).astype(np.float32)
    >>> after = shift(noise, 1.1)
    >>> after.shape, after.dtype
    ((9600,), dtype('float32'))
    """
    if factor == 1:
        return signal
    window = stft.hann_window()
    # Zeros around the signal: each of its samples lies in four frames.
    padded = np.pad(signal, (N_FFT, N_FFT + -len(signal) % HOP_LENGTH))
    frames = stft.frames(padded)
    lifter = _lifter(_period_s(frames))
    hops = np.zeros((len(padded) // HOP_LENGTH, HOP_LENGTH))
    for start, spectra in _spectra(frames):
        gains = _gains(_envelope(_levels(spectra), lifter), factor)
        shifted = scipy.fft.irfft(spectra * gains) * window
        for i in range(N_FFT // HOP_LENGTH):
            part = shifted[:, i * HOP_LENGTH : (i + 1) * HOP_LENGTH]
            hops[start + i : start + i + len(part)] += part
    # Four squared Hann windows that overlap by three quarters add up to 1.5.
    return (hops.ravel()[N_FFT : N_FFT + len(signal)] / 1.5).astype(signal.dtype)


def _spectra(frames: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The number of a first frame and the spectra `[n, bins]` from there on, batch after batch."""
    for start in range(0, len(frames), BATCH_SIZE):
        yield start, scipy.fft.rfft(frames[start : start + BATCH_SIZE] * stft.hann_window())


def _levels(spectra: np.ndarray) -> np.ndarray:
    """Logarithms of the magnitudes, none far below the loudest of its frame."""
    magnitudes = np.abs(spectra)
    floor = magnitudes.max(axis=1, keepdims=True) * 10 ** (FLOOR_DB / 20)
    return np.log(np.maximum(magnitudes, floor) + 1e-12)


def _period_s(frames: np.ndarray) -> float:
    """The period of the voice in loud frames: the peak of their mean cepstrum."""
    cepstrum = np.zeros(N_FFT)
    for _, spectra in _spectra(frames):
        cepstrum += np.abs(spectra).max(axis=1) @ scipy.fft.irfft(_levels(spectra))
    low, high = (round(seconds * SAMPLE_RATE) for seconds in PERIOD_S)
    return (low + int(np.argmax(cepstrum[low:high]))) / SAMPLE_RATE


def _lifter(period_s: float) -> np.ndarray:
    """Weights `[N_FFT]` of the quefrencies that make an envelope."""
    # They fade out over the upper half: a sharp end would leave ripples.
    position = QUEFRENCY_S / (ENVELOPE_SHARE * period_s)
    return np.cos(np.pi / 2 * np.clip(2 * position - 1, 0, 1)) ** 2


def _envelope(levels: np.ndarray, lifter: np.ndarray) -> np.ndarray:
    """The logarithm of the envelope of each spectrum, from its `_levels` `[n, bins]`."""
    envelope = scipy.fft.rfft(scipy.fft.irfft(levels) * lifter).real
    for _ in range(N_ROUNDS):
        envelope = scipy.fft.rfft(scipy.fft.irfft(np.maximum(levels, envelope)) * lifter).real
    return envelope


def _gains(envelope: np.ndarray, factor: float) -> np.ndarray:
    """Factors `[n, bins]` from the envelope to the stretched envelope."""
    hz = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    knee = SHIFTED_HZ * max(factor, 1.0)
    origin_hz = np.interp(hz, [0, knee, hz[-1]], [0, knee / factor, hz[-1]])
    # Between the two bins around the frequency where the envelope comes from.
    position = origin_hz / hz[1]
    low = np.minimum(position.astype(int), len(hz) - 2)
    share = position - low
    stretched = (1 - share) * envelope[:, low] + share * envelope[:, low + 1]
    limit = MAX_GAIN_DB * np.log(10) / 20
    return np.exp(np.clip(stretched - envelope, -limit, limit))
