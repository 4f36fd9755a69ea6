"""Mixtures of speech and noise that DeepFilterNet3 is measured with."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.corpus import mix
from lib.corpus.sources import Sources

# Range of the mixtures' peaks. Unlike upstream's runtime, ours hears quieter ones louder.
MIN_SCALE, MAX_SCALE = 0.25, 0.95


class Item(NamedTuple):
    """A mixture."""

    name: str
    snr_db: float
    noisy: np.ndarray  # [T] at 48 kHz


def mixtures(given: Sources, n_files: int, snr_db: Sequence[float], seed: int = 0) -> list[Item]:
    """Speech files spread evenly over the folder, each in another noise, each at every SNR.

    Args:
        given: folders of speech and noise.
        n_files: speech files.
        snr_db: over active speech.
        seed: of the noises' offsets and of the levels.

    Raises:
        ValueError: a folder holds no audio file.
    """
    speech, noise = files.find(given.speech), files.find(given.noise)
    for folder, paths in ((given.speech, speech), (given.noise, noise)):
        if not paths:
            raise ValueError(f"{folder}: expected audio files, found none")
    rng = np.random.default_rng(seed)
    items = []
    step = max(1, len(speech) // n_files)
    for i, path in enumerate(speech[::step][:n_files]):
        noise_path = noise[i % len(noise)]
        clean = files.read(path, SAMPLE_RATE)
        noise_signal = files.read(noise_path, SAMPLE_RATE)
        offset = int(rng.integers(len(noise_signal)))
        # A noise that is shorter than the speech is repeated.
        noise_signal = mix.loop(noise_signal, offset, len(clean))
        for value in snr_db:
            scale = float(rng.uniform(MIN_SCALE, MAX_SCALE))
            mixture = mix.mix(clean, noise_signal, value, scale)
            items.append(Item(f"{path.stem} in {noise_path.stem}", value, mixture.noisy))
    return items
