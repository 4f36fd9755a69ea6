"""The one spectrogram of scores and pictures: Hann window of 2048 samples, hop 512.

Levels are in dB of a full-scale sine. Frames lie wholly inside the signal.
"""

from functools import cache

import numpy as np
import scipy.fft
import scipy.signal

N_FFT = 2048
HOP_LENGTH = 512
# The floor of the scores. With a floor of -134 dB they would compare silences that nobody hears.
FLOOR_DB = -80.0
PICTURE_FLOOR_DB = -160.0
ACTIVE_DB = 40.0  # a frame counts as speech if it is within so many dB of the loudest one


def spectrogram_db(signal: np.ndarray) -> np.ndarray:
    """Levels `[N_FFT // 2 + 1, frames]` in dB of a full-scale sine, floor -160 dB.

    >>> t = np.arange(48_000) / 48_000
    >>> levels = spectrogram_db(np.sin(2 * np.pi * 1500 * t))  # 1500 Hz is the middle of bin 64
    >>> levels.shape, int(levels[:, 5].argmax()), round(float(levels[64].max()), 3) + 0.0
    ((1025, 90), 64, 0.0)
    """
    return power_to_db(power_spectrogram(signal), PICTURE_FLOOR_DB)


def power_spectrogram(signal: np.ndarray) -> np.ndarray:
    """Power `[N_FFT // 2 + 1, frames]`; a full-scale sine in the middle of a bin has 1."""
    return frame_power(frames(np.asarray(signal, np.float32))).T


def active_frames_db(estimate: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Levels `[frames, N_FFT // 2 + 1]` in dB as scores compare them, floor -80 dB.

    Only the frames in which the reference is active are returned.
    """
    estimate_power, reference_power = active_power(estimate, reference)
    return power_to_db(estimate_power), power_to_db(reference_power)


def active_power(*signals: np.ndarray) -> list[np.ndarray]:
    """Power `[frames, N_FFT // 2 + 1]` of the frames in which the last signal is active."""
    framed = [frames(np.asarray(signal, np.float32)) for signal in signals]
    active = is_active(frame_energy(framed[-1]))
    return [frame_power(signal_frames[active]) for signal_frames in framed]


def frames(signal: np.ndarray, length: int = N_FFT, hop_length: int = HOP_LENGTH) -> np.ndarray:
    """Frames `[n, length]`, at least one: a signal that is shorter is padded with zeros.

    >>> frames(np.arange(7), length=3, hop_length=2).tolist()
    [[0, 1, 2], [2, 3, 4], [4, 5, 6]]
    """
    signal = np.pad(signal, (0, max(0, length - len(signal))))
    # A view: frames that overlap take no memory of their own.
    return np.lib.stride_tricks.sliding_window_view(signal, length)[::hop_length]


def frame_energy(frames: np.ndarray) -> np.ndarray:
    """Mean square `[n]` of windowed frames `[n, N_FFT]`."""
    return np.mean((frames * hann_window()) ** 2, axis=1)


def is_active(energy: np.ndarray) -> np.ndarray:
    """Which frames of this energy are within 40 dB of the loudest; none where all are silent.

    >>> is_active(np.array([1.0, 2e-4, 0.5e-4, 0.0])).tolist()
    [True, True, False, False]
    """
    return (energy >= energy.max() * 10 ** (-ACTIVE_DB / 10)) & (energy > 0)


def frame_power(frames: np.ndarray) -> np.ndarray:
    """Power `[n, N_FFT // 2 + 1]` of frames `[n, N_FFT]`; a full-scale sine has 1 in its bin."""
    window = hann_window()
    # In the bin of a full-scale sine lies half the sum of the window.
    return np.abs(scipy.fft.rfft(frames * window) * (2 / window.sum())) ** 2


def power_to_db(power: np.ndarray, floor_db: float = FLOOR_DB) -> np.ndarray:
    """Levels in dB, none below `floor_db`.

    >>> power_to_db(np.array([1.0, 0.01, 0.0])).tolist()
    [0.0, -20.0, -80.0]
    """
    return 10 * np.log10(np.maximum(power, 10 ** (floor_db / 10)))


@cache
def hann_window() -> np.ndarray:
    """The window `[N_FFT]`, float32."""
    return scipy.signal.get_window("hann", N_FFT).astype(np.float32)
