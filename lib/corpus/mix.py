"""clean -> noisy: a room, noises at an SNR over active speech, a level, faults of the recorder. Drawn by `plan`, applied here.

Everything is a pure function of arrays `[T]` at 48 kHz and numbers. Nothing is bent unless `clip_db` asks for it.
"""

from typing import NamedTuple

import numpy as np
from scipy.signal import fftconvolve

from lib.audio import files
from lib.audio.files import SAMPLE_RATE

FRAME_LENGTH, FRAME_HOP = (
    960,
    480,
)  # 20 ms at 48 kHz, over which speech counts as active or not; every 10 ms
ACTIVE_DB = 40.0  # a frame is active within this of the loudest one
SILENT_DB = -140.0  # RMS re 1, below which there is nothing to set a level by
HEADROOM = 0.99  # highest peak of the target
SECOND_NOISE_DB = (-10.0, 0.0)  # level of a second noise re the first


class Mixture(NamedTuple):
    """A noisy recording and its parts at their final level.

    `noisy = speech + noise` unless the recorder has faults; `clean` is the target; `gain` is what the clean recording was
    multiplied with.
    """

    clean: np.ndarray
    speech: np.ndarray
    noise: np.ndarray
    noisy: np.ndarray
    gain: float


def mix(clean: np.ndarray, noise: np.ndarray, snr_db: float, scale: float, rir: np.ndarray | None = None,
        early: int = 0, lowpass_hz: float = 0.0, clip_db: float = 0.0) -> Mixture:  # fmt: skip
    """Put speech into a room, into noise and through a recorder.

    Args:
        clean: dry speech `[T]`.
        noise: `[T]`, of the same length.
        snr_db: level of the (reverberant) speech over the noise, both where speech is active.
        scale: peak of `noisy`, in (0, 1]; all parts get the same gain. It is lower where the target would pass full scale.
        rir: impulse response that starts with its direct path (`direct_path` cuts it so); None is no room.
        early: samples of the response behind the direct path that belong to the target; 0: the target is dry.
        lowpass_hz: the recorder hears nothing above it; 0: it hears everything.
        clip_db: the recorder clips what lies this far below the peak; 0: it does not.

    Raises:
        ValueError: speech or noise is silent where speech should be active.
    """
    if len(clean) != len(noise):
        raise ValueError(
            f"clean has {len(clean)} samples, noise {len(noise)}: expected equal lengths"
        )
    speech, target = clean, clean
    if rir is not None:
        speech = fftconvolve(clean, rir)[: len(clean)]
        target = fftconvolve(clean, rir[: early + 1])[: len(clean)]
    speech_db, noise_db = active_levels_db(speech, noise)
    if speech_db < SILENT_DB:
        raise ValueError(f"speech is silent ({speech_db:.0f} dB)")
    if noise_db < SILENT_DB:
        raise ValueError(f"noise is silent where speech is active ({noise_db:.0f} dB)")
    noise = noise * 10 ** ((speech_db - noise_db - snr_db) / 20)
    heard = low_pass(speech + noise, lowpass_hz) if lowpass_hz else speech + noise
    ceiling = np.abs(heard).max() * 10 ** (-clip_db / 20)
    gain = min(scale / ceiling, HEADROOM / np.abs(target).max())
    speech, noise, target, heard = (
        np.float32(gain) * part.astype(np.float32) for part in (speech, noise, target, heard)
    )
    noisy = heard if lowpass_hz else speech + noise
    return Mixture(target, speech, noise, clip(noisy, gain * ceiling) if clip_db else noisy, gain)


def active_levels_db(speech: np.ndarray, noise: np.ndarray) -> tuple[float, float]:
    """RMS levels of speech and of noise, in dB re 1, where speech is active; -inf for silence.

    That is in 20 ms frames, every 10 ms, within 40 dB of the loudest. (Frames that overlap make the level depend least on where
    they happen to begin.)

    >>> speech = np.concatenate([np.zeros(4_800), np.ones(48_000), 0.001 * np.ones(4_800)])
    >>> noise = np.concatenate([np.ones(4_000), 0.1 * np.ones(53_600)])
    >>> [round(level, 1) for level in active_levels_db(speech, noise)]
    [-0.0, -20.0]
    """
    power, noise_power = _frame_power(speech), _frame_power(noise)
    active = power > power.max(initial=0.0) * 10 ** (-ACTIVE_DB / 10)
    with np.errstate(divide="ignore"):
        return tuple(
            10 * float(np.log10(np.sum(part[active]) / max(active.sum(), 1)))
            for part in (power, noise_power)
        )


def snr_db(speech: np.ndarray, noise: np.ndarray) -> float:
    """SNR over active speech, in dB: what `mix` sets, measured.

    >>> t = np.arange(48_000) / 48_000
    >>> round(snr_db(np.sin(2 * np.pi * 440 * t), 0.1 * np.cos(2 * np.pi * 333 * t)), 1)
    20.0
    """
    speech_db, noise_db = active_levels_db(speech, noise)
    return speech_db - noise_db


def add_noise(noise: np.ndarray, second: np.ndarray, second_db: float) -> np.ndarray:
    """Two noises `[T]` at once, the second `second_db` above the first (RMS; negative: below it).

    >>> add_noise(np.array([1.0, -1.0]), np.array([0.2, 0.2]), 0.0).tolist()
    [2.0, 0.0]
    """
    return noise + second * (_rms(noise) / max(_rms(second), 1e-7) * 10 ** (second_db / 20))


def low_pass(signal: np.ndarray, cutoff_hz: float) -> np.ndarray:
    """What a recording at a sample rate of `2 * cutoff_hz` holds of `signal` `[T]`: linear phase, in its place.

    >>> t = np.arange(48_000) / 48_000
    >>> after = low_pass(np.sin(2 * np.pi * 1000 * t) + np.sin(2 * np.pi * 6000 * t), 4000)
    >>> bool(np.abs(after - np.sin(2 * np.pi * 1000 * t))[4_800:-4_800].max() < 1e-3)
    True
    """
    rate = round(2 * cutoff_hz)
    narrow = files.resample(files.resample(signal, SAMPLE_RATE, rate), rate, SAMPLE_RATE)[
        : len(signal)
    ]
    return np.pad(narrow, (0, len(signal) - len(narrow)))


def clip(signal: np.ndarray, ceiling: float) -> np.ndarray:
    """`signal` with everything beyond +-`ceiling` cut off.

    >>> clip(np.array([0.1, -0.7, 0.4]), 0.5).tolist()
    [0.1, -0.5, 0.4]
    """
    return np.clip(signal, -ceiling, ceiling)


def loop(noise: np.ndarray, offset: int, n_samples: int, fade: int = 960) -> np.ndarray:
    """`n_samples` of `noise` from `offset` on; a shorter noise goes round, joined by an equal-power cross-fade.

    >>> loop(np.arange(4.0), 2, 2, fade=0).tolist(), loop(np.arange(4.0), 2, 4, fade=0).tolist()
    ([2.0, 3.0], [2.0, 3.0, 0.0, 1.0])
    """
    if offset + n_samples <= len(noise):
        return noise[offset : offset + n_samples]
    fade = min(fade, len(noise) // 4)
    ramp = np.sin(np.linspace(0, np.pi / 2, fade)) if fade else np.zeros(0)
    ring = noise[
        : len(noise) - fade
    ].copy()  # its head is the tail of the noise fading into the head
    ring[:fade] = noise[:fade] * ramp + noise[len(noise) - fade :] * ramp[::-1]
    return ring[(offset + np.arange(n_samples)) % len(ring)]


def _frame_power(signal: np.ndarray) -> np.ndarray:
    """Mean power of each frame; a signal shorter than a frame is one."""
    signal = np.pad(np.asarray(signal, np.float64), (0, max(0, FRAME_LENGTH - len(signal))))
    total = np.concatenate([[0.0], np.cumsum(signal**2)])[
        : (len(signal) - FRAME_LENGTH) // FRAME_HOP * FRAME_HOP + FRAME_LENGTH + 1
    ]
    return (
        np.maximum(total[FRAME_LENGTH::FRAME_HOP] - total[:-FRAME_LENGTH:FRAME_HOP], 0.0)
        / FRAME_LENGTH
    )


def _rms(signal: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(signal, dtype=np.float64)))) if len(signal) else 0.0
