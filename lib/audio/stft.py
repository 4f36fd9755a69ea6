"""Power spectra of frames, and which frames are active speech."""

from functools import cache

import numpy as np
import scipy.fft
import scipy.signal

N_FFT, HOP_LENGTH = 2048, 512
FLOOR_DB = (
    -80.0
)  # re a full-scale sine; with a floor of -134 dB the score is about silence that nobody hears
ACTIVE_DB = 40.0  # frames of the reference this far below its loudest one are left out


def active_levels_db(estimate: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Levels `[frames, 1025]` in dB of a full-scale sine, as `lsd_db` compares them: its window, its frames, its floor."""
    estimate, reference = (floored_level_db(power) for power in active_power(estimate, reference))
    return estimate, reference


def frames(signal: np.ndarray, length: int = N_FFT, hop_length: int = HOP_LENGTH) -> np.ndarray:
    """Frames `[n, length]` that lie wholly inside `signal`; at least one, of a signal padded to `length`."""
    signal = np.pad(signal, (0, max(0, length - len(signal))))
    return np.lib.stride_tricks.sliding_window_view(signal, length)[::hop_length]


def active_power(*signals: np.ndarray) -> list[np.ndarray]:
    """Power `[frames, F]` re a full-scale sine, of the frames in which the last signal is active."""
    framed = [frames(np.asarray(signal, np.float32)) for signal in signals]
    loudness = np.mean((framed[-1] * hann()) ** 2, axis=1)
    active = active_frames(loudness)
    return [power_spectrum(frames[active]) for frames in framed]


def active_frames(energy: np.ndarray) -> np.ndarray:
    """Which frames are within 40 dB of the loudest."""
    return (energy >= energy.max() * 10 ** (-ACTIVE_DB / 10)) & (energy > 0)


def power_spectrum(frames: np.ndarray) -> np.ndarray:
    """Power `[n, N_FFT // 2 + 1]` of frames `[n, N_FFT]`; a full-scale sine in the middle of a bin has 1."""
    return np.abs(scipy.fft.rfft(frames * hann()) * (2 / hann().sum())) ** 2


@cache
def hann() -> np.ndarray:
    return scipy.signal.get_window("hann", N_FFT).astype(np.float32)


def floored_level_db(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))


def power_spectrogram(signal: np.ndarray) -> np.ndarray:
    """Power of each bin and frame, `[N_FFT // 2 + 1, frames]`; a full-scale sine in the middle of a bin has 1."""
    return power_spectrum(frames(np.asarray(signal, np.float32))).T


def spectrogram_db(signal: np.ndarray) -> np.ndarray:
    """Spectrogram `[N_FFT // 2 + 1, frames]` in dB re a full-scale sine (Hann 2048, hop 512), floor -160 dB.

    Frames lie within the signal; one shorter than a frame is padded with zeros.

    >>> t = np.arange(48_000) / 48_000
    >>> spectrum = spectrogram_db(np.sin(2 * np.pi * 1500 * t))  # 1500 Hz is the middle of bin 64
    >>> spectrum.shape, int(spectrum[:, 5].argmax()), round(float(spectrum[64].max()), 3) + 0.0
    ((1025, 90), 64, 0.0)
    """
    return 10 * np.log10(np.maximum(power_spectrogram(signal), 1e-16))
