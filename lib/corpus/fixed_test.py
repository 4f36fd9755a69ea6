"""A test of fixed size: its items are spread evenly over speakers and SNRs."""

import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np


class FixedItem(NamedTuple):
    """A mixture: its utterance, its number, its SNR in dB (NaN: no noise; None: to be drawn)."""

    path: str
    item: int
    snr_db: float | None


def fixed_items(
    paths: Mapping[str, Sequence[str]], n: int, n_clean: int, snr_db: Sequence[float], seed: int
) -> list[FixedItem]:
    """`n` items with noise, then `n_clean` without.

    The speakers take turns. Each takes its utterances in a random order, and in another one when it
    has no more; each takes the SNRs in turn.

    Args:
        paths: the utterances of each speaker.

    >>> items = fixed_items({"a": ["a1", "a2"], "b": ["b1"]}, 4, 1, [0.0, 10.0], seed=0)
    >>> [(item.path[0], item.item, item.snr_db) for item in items]
    [('a', 0, 0.0), ('b', 0, 0.0), ('a', 0, 10.0), ('b', 1, 10.0), ('a', 1, nan)]
    """
    speakers = sorted(paths)
    items = []
    for number in range(n + n_clean):
        turn, place = divmod(number, len(speakers))
        speaker = speakers[place]
        utterances = sorted(paths[speaker])
        item, position = divmod(turn, len(utterances))
        rng = np.random.default_rng([seed, zlib.crc32(speaker.encode()), item])
        path = utterances[rng.permutation(len(utterances))[position]]
        snr = snr_db[turn % len(snr_db)] if number < n else float("nan")
        items.append(FixedItem(path, item, snr))
    return items
