"""Pairs that are mixed: the mixture of one row of a plan or manifest, from its files."""

from pathlib import Path
from typing import Any

import numpy as np
from cachetools import LRUCache, cached

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.corpus import formants, mix
from lib.corpus.equaliser import equalise
from lib.corpus.impulse_responses import direct_path, t60
from lib.corpus.sources import Sources

MAX_NOISE_BYTES = 2**30  # of noises that a process keeps in memory
MAX_ROOM_BYTES = 2**28


def mix_row(row: Any, folders: Sources) -> mix.Mixture:
    """Mix the whole utterance of a row: the parts of `noisy` before DeepFilterNet3.

    Args:
        row: of a plan or of a manifest, as `itertuples` gives it. Its equaliser colours speech and
            noise before the SNR is set.

    Raises:
        AudioError: a file is missing or not readable.
        ValueError: speech or noise is silent.
    """
    clean = files.read(folders.speech / row.clean_path, SAMPLE_RATE)
    # Played faster: resampled as if it had been recorded at another rate.
    clean = files.resample(clean, row.speed * SAMPLE_RATE, SAMPLE_RATE)
    clean = equalise(formants.shift(clean, row.formant), row.equaliser)
    noise = None
    if row.noise_path:
        noise = _noise(folders, row.noise_path, row.noise_offset, len(clean))
        if row.second_noise_path:
            second = _noise(folders, row.second_noise_path, row.second_noise_offset, len(clean))
            noise = mix.add_noise(noise, second, row.second_noise_db)
        noise = equalise(noise, row.equaliser)
    rir = read_room(folders.room / row.rir)[0] if row.rir else None
    recorder = row.lowpass_hz, row.clip_db, row.codec
    return mix.mix(clean, noise, row.snr_db, row.scale, rir, row.early, *recorder)


def _noise(folders: Sources, path: str, offset: int, n_samples: int) -> np.ndarray:
    return mix.loop(read_noise(folders.noise / path), offset, n_samples)


def _n_bytes(value: np.ndarray | tuple) -> int:
    return (value[0] if isinstance(value, tuple) else value).nbytes


# Many rows share a noise or a room: each file is read once in a process.
@cached(LRUCache(MAX_NOISE_BYTES, getsizeof=_n_bytes))
def read_noise(path: Path) -> np.ndarray:
    """The noise `[T]` at 48 kHz."""
    return files.read(path, SAMPLE_RATE)


@cached(LRUCache(MAX_ROOM_BYTES, getsizeof=_n_bytes))
def read_room(path: Path) -> tuple[np.ndarray, int, float]:
    """The response at 48 kHz from its direct path on, the samples before it, its T60 in seconds.

    Of several microphones the first is used: the mean of all would be a comb filter.
    """
    rir, n_before = direct_path(files.read(path, SAMPLE_RATE, first_channel=True))
    return rir, n_before, t60(rir, SAMPLE_RATE)
