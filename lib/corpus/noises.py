"""Noises made from a seed: coloured noise, hum, fans, clicks, rain, babble."""

import zlib
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfilt

from lib.audio import files, levels
from lib.audio.files import SAMPLE_RATE
from lib.corpus.piper import N_CORPUS, SENTENCES, speak
from lib.runtime.progress import progress

NOISE_DB = -26.0  # dBFS
NOISE_SECONDS = 20


def make_noises(folder: Path, seed: int) -> None:
    left = [name for name in NOISES if not (folder / f"{name}{files.EXTENSION}").exists()]
    n_samples = NOISE_SECONDS * SAMPLE_RATE
    voices = []
    if any(name.startswith("babble") for name in left):
        extra = list(range(N_CORPUS, len(SENTENCES)))
        voices = [said[1:] for said in progress(speak(extra), "babble", len(extra))]
    for name in progress(left, "noise"):
        rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
        noise = NOISES[name](rng, n_samples, voices)
        files.write(folder / f"{name}{files.EXTENSION}", at_level(noise, NOISE_DB), SAMPLE_RATE)


def at_level(signal: np.ndarray, level_db: float) -> np.ndarray:
    """`signal` at `level_db` (dBFS), or below it where the peak would exceed 0.99."""
    gain = 10 ** ((level_db - levels.level_db(signal)) / 20)
    return signal * min(gain, 0.99 / np.abs(signal).max())


def _coloured(rng: np.random.Generator, n_samples: int, db_per_octave: float) -> np.ndarray:
    """Gaussian noise above 20 Hz whose spectrum falls by `db_per_octave`; RMS 1."""
    hz = np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE)
    shape = np.where(hz > 20, np.maximum(hz, 20) ** (-db_per_octave / 6.02), 0)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n_samples)) * shape, n_samples)
    return noise / noise.std()


def _swell(rng: np.random.Generator, n_samples: int, depth_db: float) -> np.ndarray:
    """A gain that wanders slowly, within `depth_db` either way."""
    t = np.arange(n_samples) / SAMPLE_RATE
    waves = [np.sin(2 * np.pi * (rng.uniform(0.05, 0.4) * t + rng.uniform())) for _ in range(3)]
    return 10 ** (depth_db * np.mean(waves, axis=0) / 20)


def _tones(rng: np.random.Generator, n_samples: int, hz: float, n_harmonics: int) -> np.ndarray:
    """Harmonics of `hz` of random strength, falling; RMS 1."""
    t = np.arange(n_samples) / SAMPLE_RATE
    tones = np.zeros(n_samples)
    for k in range(1, n_harmonics + 1):
        tones += rng.uniform(0.2, 1) / k * np.sin(2 * np.pi * (k * hz * t + rng.uniform()))
    return tones / tones.std()


def _hum(rng: np.random.Generator, n_samples: int, hz: float) -> np.ndarray:
    return _tones(rng, n_samples, hz, 30) + 0.05 * _coloured(rng, n_samples, 3)


def _fan(rng: np.random.Generator, n_samples: int, hz: float) -> np.ndarray:
    air = sosfilt(butter(2, 2500, fs=SAMPLE_RATE, output="sos"), _coloured(rng, n_samples, 3))
    return air + 0.3 * _tones(rng, n_samples, hz, 8) * _swell(rng, n_samples, 3.0)


def _bursts(
    rng: np.random.Generator, n_samples: int, per_second: float, hiss_db: float
) -> np.ndarray:
    """Ringing clicks at random times over a hiss that is never silent."""
    clicks = np.zeros(n_samples)
    for start in rng.integers(n_samples, size=round(per_second * n_samples / SAMPLE_RATE)):
        t = np.arange(min(2400, n_samples - start)) / SAMPLE_RATE
        ring = np.exp(-t / rng.uniform(3e-4, 5e-3)) * np.sin(2 * np.pi * rng.uniform(800, 9000) * t)
        clicks[start : start + len(t)] += rng.lognormal(0, 0.5) * ring
    return clicks / clicks.std() + 10 ** (hiss_db / 20) * _coloured(rng, n_samples, 3)


def _babble(rng: np.random.Generator, n_samples: int, voices: list, n_talkers: int) -> np.ndarray:
    """Talkers who say all sentences in an order of their own, higher or lower in voice, nearer or further."""
    babble = np.zeros(n_samples)
    for pitch in rng.uniform(0.8, 1.3, n_talkers):
        said = [voices[i] for i in rng.permutation(len(voices))]
        talk = np.concatenate(
            [files.resample(signal, round(rate * pitch), SAMPLE_RATE) for signal, rate in said]
        )
        turned = np.roll(talk, rng.integers(len(talk)))
        babble += rng.uniform(0.4, 1) * np.resize(turned, n_samples)
    return babble / babble.std() + 0.01 * _coloured(rng, n_samples, 3)


NOISES = {
    "white_1": lambda rng, n, _: _coloured(rng, n, 0),
    "pink_1": lambda rng, n, _: _coloured(rng, n, 3),
    "pink_2": lambda rng, n, _: _coloured(rng, n, 3) * _swell(rng, n, 15),
    "brown_1": lambda rng, n, _: _coloured(rng, n, 6),
    "traffic_1": lambda rng, n, _: _coloured(rng, n, 5) * _swell(rng, n, 15),
    "hum_50hz": lambda rng, n, _: _hum(rng, n, 50),
    "hum_60hz": lambda rng, n, _: _hum(rng, n, 60),
    "fan_1": lambda rng, n, _: _fan(rng, n, 93),
    "fan_2": lambda rng, n, _: _fan(rng, n, 171),
    "clicks_1": lambda rng, n, _: _bursts(rng, n, 4, -30),
    "rain_1": lambda rng, n, _: _bursts(rng, n, 400, -12),
    "babble_1": lambda rng, n, voices: _babble(rng, n, voices, 4),
    "babble_2": lambda rng, n, voices: _babble(rng, n, voices, 6),
    "babble_3": lambda rng, n, voices: _babble(rng, n, voices, 8),
}
