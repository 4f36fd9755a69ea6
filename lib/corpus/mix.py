"""clean -> noisy: a room, noise at an SNR over active speech, a level, faults of the recorder.

The plan draws all numbers; this file applies them. Everything is a pure function of arrays `[T]`
at 48 kHz and numbers. Nothing is distorted unless `clip_db` asks for it.
"""

from typing import NamedTuple

import numpy as np
from scipy.signal import fftconvolve

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.corpus import codecs

FRAME_LENGTH = 960  # 20 ms at 48 kHz, in which speech counts as active or not
FRAME_HOP = 480  # 10 ms
ACTIVE_DB = 40.0  # a frame is active if it is within this of the loudest frame
SILENT_DB = -140.0  # RMS re 1; below it no level can be set
HEADROOM = 0.99  # highest peak of the target
SECOND_NOISE_DB = (-10.0, 0.0)  # level of a second noise re the first
NOISE_ALONE_DB = -np.inf  # SNR of noise without speech, whose target is silence


class Mixture(NamedTuple):
    """A noisy recording and its parts at their final level, `[T]` each.

    Unless the recorder has faults, `noisy = speech + noise`. `clean` is the target, `speech` is
    clean speech in its room, `gain` is the factor that the clean recording was multiplied by.
    """

    clean: np.ndarray
    speech: np.ndarray
    noise: np.ndarray
    noisy: np.ndarray
    gain: float


def mix(
    clean: np.ndarray,
    noise: np.ndarray | None,
    snr_db: float,
    scale: float,
    rir: np.ndarray | None = None,
    early: int = 0,
    lowpass_hz: float = 0.0,
    clip_db: float = 0.0,
    codec: str = "",
) -> Mixture:
    """Put speech into a room, into noise and through a recorder.

    Args:
        clean: dry speech `[T]`; with noise alone its length counts.
        noise: `[T]`, of the same length; None: there is none, and `snr_db` means nothing.
        snr_db: level of the (reverberant) speech over the noise, both where speech is active;
            `NOISE_ALONE_DB`: there is no speech.
        scale: peak of `noisy`, in (0, 1]; all parts get the same gain. The peak is lower where
            the target would exceed full scale.
        rir: impulse response that starts with its direct path (see `direct_path`); None: no room.
        early: samples of the response after the direct path that belong to the target; 0: the
            target is dry.
        lowpass_hz: highest frequency that the recorder stores; 0: all frequencies.
        clip_db: the recorder clips everything from this far below the peak on; 0: no clipping.
        codec: of `codecs.CODECS`, through which the recording goes. Empty: none.

    Raises:
        ValueError: lengths differ, or speech or noise is silent where speech should be active, or
            noise that is alone is silent.

    >>> t = np.arange(48_000) / 48_000
    >>> mixture = mix(np.sin(2 * np.pi * 440 * t), np.cos(2 * np.pi * 333 * t), 6.0, 0.5)
    >>> round(float(np.abs(mixture.noisy).max()), 3)
    0.5
    >>> round(snr_db(mixture.speech, mixture.noise), 2)
    6.0
    """
    if noise is not None and len(clean) != len(noise):
        raise ValueError(
            f"clean has {len(clean)} samples, noise {len(noise)}: expected equal lengths"
        )
    if snr_db == NOISE_ALONE_DB:
        clean, rir = np.zeros_like(clean), None
    speech, target = clean, clean
    if rir is not None:
        speech = fftconvolve(clean, rir)[: len(clean)]
        target = fftconvolve(clean, rir[: early + 1])[: len(clean)]
    noise = _at_snr(speech, noise, snr_db)

    recorded = low_pass(speech + noise, lowpass_hz) if lowpass_hz else speech + noise
    ceiling = np.abs(recorded).max() * 10 ** (-clip_db / 20)
    if codec:
        recorded = codecs.through(clip(recorded, ceiling), codec)
        ceiling = np.abs(recorded).max()
    gain = scale / ceiling
    if target.any():
        gain = min(gain, HEADROOM / np.abs(target).max())
    speech, noise, target, recorded = (
        np.float32(gain) * part.astype(np.float32) for part in (speech, noise, target, recorded)
    )
    # The sum of the rounded parts, so that noisy is speech + noise to the last bit.
    noisy = recorded if lowpass_hz or codec else speech + noise
    if clip_db:
        noisy = clip(noisy, gain * ceiling)
    return Mixture(target, speech, noise, noisy, gain)


def _at_snr(speech: np.ndarray, noise: np.ndarray | None, snr_db: float) -> np.ndarray:
    """The noise at its level; silence where there is none."""
    if snr_db == NOISE_ALONE_DB:
        if noise is None or 20 * np.log10(_rms(noise) + 1e-12) < SILENT_DB:
            raise ValueError("noise that is alone is silent")
        return noise
    speech_db, noise_db = active_levels_db(speech, speech if noise is None else noise)
    if speech_db < SILENT_DB:
        raise ValueError(f"speech is silent ({speech_db:.0f} dB)")
    if noise is None:
        return np.zeros_like(speech)
    if noise_db < SILENT_DB:
        raise ValueError(f"noise is silent where speech is active ({noise_db:.0f} dB)")
    return noise * 10 ** ((speech_db - noise_db - snr_db) / 20)


def active_levels_db(speech: np.ndarray, noise: np.ndarray) -> tuple[float, float]:
    """RMS levels of speech and noise `[T]` where speech is active, in dB re 1; -inf for silence.

    Speech is active in the 20 ms frames that are within 40 dB of the loudest. There is a frame
    every 10 ms: with frames that overlap, the level depends less on where they begin.

    >>> speech = np.concatenate([np.zeros(4_800), np.ones(48_000), 0.001 * np.ones(4_800)])
    >>> noise = np.concatenate([np.ones(4_000), 0.1 * np.ones(53_600)])
    >>> [round(level, 1) for level in active_levels_db(speech, noise)]
    [-0.0, -20.0]
    """
    power, noise_power = _frame_power(speech), _frame_power(noise)
    active = power > power.max(initial=0.0) * 10 ** (-ACTIVE_DB / 10)
    n_active = max(active.sum(), 1)
    with np.errstate(divide="ignore"):
        return tuple(
            10 * float(np.log10(np.sum(part[active]) / n_active)) for part in (power, noise_power)
        )


def snr_db(speech: np.ndarray, noise: np.ndarray) -> float:
    """SNR over active speech, in dB, measured as `mix` sets it.

    >>> t = np.arange(48_000) / 48_000
    >>> round(snr_db(np.sin(2 * np.pi * 440 * t), 0.1 * np.cos(2 * np.pi * 333 * t)), 1)
    20.0
    """
    speech_db, noise_db = active_levels_db(speech, noise)
    return speech_db - noise_db


def add_noise(noise: np.ndarray, second: np.ndarray, second_db: float) -> np.ndarray:
    """The sum of two noises `[T]`, the second at `second_db` re the first (RMS).

    >>> add_noise(np.array([1.0, -1.0]), np.array([0.2, 0.2]), 0.0).tolist()
    [2.0, 0.0]
    """
    return noise + second * (_rms(noise) / max(_rms(second), 1e-7) * 10 ** (second_db / 20))


def low_pass(signal: np.ndarray, cutoff_hz: float) -> np.ndarray:
    """`signal` `[T]` as a recording at a sample rate of `2 * cutoff_hz` holds it, back at 48 kHz.

    The phase is linear and the signal stays in its place.

    >>> t = np.arange(48_000) / 48_000
    >>> after = low_pass(np.sin(2 * np.pi * 1000 * t) + np.sin(2 * np.pi * 6000 * t), 4000)
    >>> bool(np.abs(after - np.sin(2 * np.pi * 1000 * t))[4_800:-4_800].max() < 1e-3)
    True
    """
    rate = round(2 * cutoff_hz)
    narrow = files.resample(files.resample(signal, SAMPLE_RATE, rate), rate, SAMPLE_RATE)
    narrow = narrow[: len(signal)]
    return np.pad(narrow, (0, len(signal) - len(narrow)))


def clip(signal: np.ndarray, ceiling: float) -> np.ndarray:
    """`signal` with everything beyond +-`ceiling` cut off.

    >>> clip(np.array([0.1, -0.7, 0.4]), 0.5).tolist()
    [0.1, -0.5, 0.4]
    """
    return np.clip(signal, -ceiling, ceiling)


def loop(noise: np.ndarray, offset: int, n_samples: int, fade: int = 960) -> np.ndarray:
    """`n_samples` of `noise` `[T]` from `offset` on; a noise that is too short is repeated.

    Its end is joined to its beginning by an equal-power cross-fade of `fade` samples.

    >>> loop(np.arange(4.0), 2, 2, fade=0).tolist(), loop(np.arange(4.0), 2, 4, fade=0).tolist()
    ([2.0, 3.0], [2.0, 3.0, 0.0, 1.0])
    """
    if offset + n_samples <= len(noise):
        return noise[offset : offset + n_samples]
    fade = min(fade, len(noise) // 4)
    ramp = np.sin(np.linspace(0, np.pi / 2, fade)) if fade else np.zeros(0)
    # The first `fade` samples of the ring are the tail of the noise fading into its head.
    ring = noise[: len(noise) - fade].copy()
    ring[:fade] = noise[:fade] * ramp + noise[len(noise) - fade :] * ramp[::-1]
    return ring[(offset + np.arange(n_samples)) % len(ring)]


def _frame_power(signal: np.ndarray) -> np.ndarray:
    """Mean power of each frame; a signal that is shorter than a frame is padded to one."""
    signal = np.pad(np.asarray(signal, np.float64), (0, max(0, FRAME_LENGTH - len(signal))))
    last = (len(signal) - FRAME_LENGTH) // FRAME_HOP * FRAME_HOP + FRAME_LENGTH
    total = np.concatenate([[0.0], np.cumsum(signal**2)])[: last + 1]
    energy = total[FRAME_LENGTH::FRAME_HOP] - total[:-FRAME_LENGTH:FRAME_HOP]
    return np.maximum(energy, 0.0) / FRAME_LENGTH


def _rms(signal: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(signal, dtype=np.float64)))) if len(signal) else 0.0
