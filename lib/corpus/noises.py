"""Noises made from a seed: coloured noise, hum, fans, clicks, rain, babble."""

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfilt

from lib.audio import files, levels
from lib.audio.files import SAMPLE_RATE
from lib.runtime.progress import progress

NOISE_DB = -26.0  # dBFS
NOISE_SECONDS = 20

# Sentences that babble is mixed from: signal `[T]` and sample rate in Hz of each.
Voices = Sequence[tuple[np.ndarray, int]]


def make_noises(folder: Path, seed: int, speak_babble: Callable[[], Voices]) -> None:
    """Write each noise of `NOISES` that `folder` lacks: 20 s at -26 dBFS, 24-bit FLAC at 48 kHz.

    Args:
        speak_babble: speaks the sentences for babble; called only if a babble noise is missing.
    """
    missing = [name for name in NOISES if not (folder / f"{name}{files.EXTENSION}").exists()]
    n_samples = NOISE_SECONDS * SAMPLE_RATE
    voices = speak_babble() if any(name.startswith("babble") for name in missing) else []
    for name in progress(missing, "noise"):
        rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
        noise = NOISES[name](rng, n_samples, voices)
        files.write(folder / f"{name}{files.EXTENSION}", at_level(noise, NOISE_DB), SAMPLE_RATE)


def at_level(signal: np.ndarray, level_db: float) -> np.ndarray:
    """`signal` `[T]` at `level_db` (dBFS), or lower where its peak would exceed 0.99.

    >>> t = np.arange(48_000) / 48_000
    >>> tone = np.sin(2 * np.pi * 440 * t)
    >>> [round(float(at_level(tone, level).max()), 3) for level in (-20.0, 6.0)]
    [0.1, 0.99]
    """
    gain = 10 ** ((level_db - levels.level_db(signal)) / 20)
    return signal * min(gain, 0.99 / np.abs(signal).max())


def _coloured(rng: np.random.Generator, n_samples: int, db_per_octave: float) -> np.ndarray:
    """Gaussian noise above 20 Hz whose spectrum falls by `db_per_octave`; RMS 1."""
    hz = np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE)
    shape = np.where(hz > 20, np.maximum(hz, 20) ** (-db_per_octave / 6.02), 0)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n_samples)) * shape, n_samples)
    return noise / noise.std()


def _swell(rng: np.random.Generator, n_samples: int, depth_db: float) -> np.ndarray:
    """A gain that changes slowly, by at most `depth_db` up or down."""
    t = np.arange(n_samples) / SAMPLE_RATE
    waves = [np.sin(2 * np.pi * (rng.uniform(0.05, 0.4) * t + rng.uniform())) for _ in range(3)]
    return 10 ** (depth_db * np.mean(waves, axis=0) / 20)


def _tones(rng: np.random.Generator, n_samples: int, hz: float, n_harmonics: int) -> np.ndarray:
    """Harmonics of `hz` of random strength, weaker with their number; RMS 1."""
    t = np.arange(n_samples) / SAMPLE_RATE
    tones = np.zeros(n_samples)
    for k in range(1, n_harmonics + 1):
        tones += rng.uniform(0.2, 1) / k * np.sin(2 * np.pi * (k * hz * t + rng.uniform()))
    return tones / tones.std()


def _hum(rng: np.random.Generator, n_samples: int, hz: float) -> np.ndarray:
    """Mains hum of frequency `hz` over a faint hiss."""
    return _tones(rng, n_samples, hz, 30) + 0.05 * _coloured(rng, n_samples, 3)


def _fan(rng: np.random.Generator, n_samples: int, hz: float) -> np.ndarray:
    """Moving air and the tones of a blade that passes `hz` times a second."""
    air = sosfilt(butter(2, 2500, fs=SAMPLE_RATE, output="sos"), _coloured(rng, n_samples, 3))
    return air + 0.3 * _tones(rng, n_samples, hz, 8) * _swell(rng, n_samples, 3.0)


def _clicks(
    rng: np.random.Generator, n_samples: int, per_second: float, hiss_db: float
) -> np.ndarray:
    """Ringing clicks at random times over a hiss, so that the noise is never silent."""
    clicks = np.zeros(n_samples)
    for start in rng.integers(n_samples, size=round(per_second * n_samples / SAMPLE_RATE)):
        t = np.arange(min(2400, n_samples - start)) / SAMPLE_RATE
        ring = np.exp(-t / rng.uniform(3e-4, 5e-3)) * np.sin(2 * np.pi * rng.uniform(800, 9000) * t)
        clicks[start : start + len(t)] += rng.lognormal(0, 0.5) * ring
    return clicks / clicks.std() + 10 ** (hiss_db / 20) * _coloured(rng, n_samples, 3)


def _babble(rng: np.random.Generator, n_samples: int, voices: Voices, n_talkers: int) -> np.ndarray:
    """Talkers at once. Each has an order of the sentences, a pitch and a distance of its own."""
    babble = np.zeros(n_samples)
    for pitch in rng.uniform(0.8, 1.3, n_talkers):
        order = [voices[i] for i in rng.permutation(len(voices))]
        talk = np.concatenate(
            [files.resample(signal, round(rate * pitch), SAMPLE_RATE) for signal, rate in order]
        )
        talk = np.roll(talk, rng.integers(len(talk)))
        babble += rng.uniform(0.4, 1) * np.resize(talk, n_samples)
    return babble / babble.std() + 0.01 * _coloured(rng, n_samples, 3)


NOISES = {  # name -> function of random generator, length in samples, voices
    "white_1": lambda rng, n, _: _coloured(rng, n, 0),
    "pink_1": lambda rng, n, _: _coloured(rng, n, 3),
    "pink_2": lambda rng, n, _: _coloured(rng, n, 3) * _swell(rng, n, 15),
    "brown_1": lambda rng, n, _: _coloured(rng, n, 6),
    "traffic_1": lambda rng, n, _: _coloured(rng, n, 5) * _swell(rng, n, 15),
    "hum_50hz": lambda rng, n, _: _hum(rng, n, 50),
    "hum_60hz": lambda rng, n, _: _hum(rng, n, 60),
    "fan_1": lambda rng, n, _: _fan(rng, n, 93),
    "fan_2": lambda rng, n, _: _fan(rng, n, 171),
    "clicks_1": lambda rng, n, _: _clicks(rng, n, 4, -30),
    "rain_1": lambda rng, n, _: _clicks(rng, n, 400, -12),
    "babble_1": lambda rng, n, voices: _babble(rng, n, voices, 4),
    "babble_2": lambda rng, n, voices: _babble(rng, n, voices, 6),
    "babble_3": lambda rng, n, voices: _babble(rng, n, voices, 8),
}
