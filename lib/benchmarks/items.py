"""Mixtures to measure with, and a stopwatch."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.corpus import mix
from lib.corpus.sources import Sources


class Item(NamedTuple):
    """A mixture to measure with."""

    name: str
    snr_db: float
    noisy: np.ndarray  # [T]


def mixtures(given: Sources, n_files: int, snr_db: Sequence[float], seed: int = 0) -> list[Item]:
    """Speech files spread evenly over the folder, each in another noise, at every SNR; peaks from 0.05 to 0.95.

    Raises:
        ValueError: a folder holds no audio file.
    """
    speech, noise = files.find(given.speech), files.find(given.noise)
    for folder, found in ((given.speech, speech), (given.noise, noise)):
        if not found:
            raise ValueError(f"{folder}: expected audio files, found none")
    rng = np.random.default_rng(seed)
    items = []
    for i, path in enumerate(speech[:: max(1, len(speech) // n_files)][:n_files]):
        clean = files.read(path, SAMPLE_RATE)
        disturbing = files.read(noise[i % len(noise)], SAMPLE_RATE)
        disturbing = mix.loop(disturbing, int(rng.integers(len(disturbing))), len(clean))
        for value in snr_db:
            mixed = mix.mix(clean, disturbing, value, float(rng.uniform(0.05, 0.95)))
            items.append(Item(f"{path.stem} in {noise[i % len(noise)].stem}", value, mixed.noisy))
    return items


def seconds_of(function, *arguments) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began
