"""Pairs -> batches: aligned random segments with light metadata, a function of (seed, epoch, index) alone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from lib import audio


class PairSegments(Dataset):
    """Random segments `(enhanced, noisy, clean, meta)` of prepared pairs; one cut for all signals of a pair.

    Indexed by `(epoch, index)`, so that the epoch reaches workers that live on, and any number of workers draws the same.

    Args:
        root: the corpus folder.
        rows: usable manifest rows of one split.
        segment_length: samples; a shorter pair is padded with zeros, its true length is `meta["n_samples"]`.
        gain: range of the gain that all three signals get.
        p_invert: probability that the polarity of all three is turned.

    Returns: three tensors `[1, T]` and `meta`: id, start, n_samples, gain, bandwidth_hz. Never audio in it.
    """

    def __init__(self, root: Path, rows: pd.DataFrame, segment_length: int, seed: int,
                 gain: tuple[float, float] = (1.0, 1.0), p_invert: float = 0.0):  # fmt: skip
        self.root, self.rows, self.length, self.seed = root, list(rows.itertuples(index=False)), segment_length, seed
        self.gain, self.p_invert = gain, p_invert

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor, dict]:
        epoch, index = key
        row = self.rows[index]
        rng = np.random.default_rng([self.seed, epoch, index])
        start = int(rng.integers(max(row.n_samples - self.length, 0) + 1))
        gain = float(rng.uniform(*self.gain)) * (-1 if rng.random() < self.p_invert else 1)
        n_samples = min(self.length, row.n_samples)
        signals = [self._cut(path, start, n_samples) * gain for path in (row.enhanced, row.noisy, row.clean)]
        meta = {"id": row.id, "start": start, "n_samples": n_samples, "gain": gain, "bandwidth_hz": row.bandwidth_hz}
        return *(torch.from_numpy(signal[None]) for signal in signals), meta

    def _cut(self, path: str, start: int, n_samples: int) -> np.ndarray:
        signal = audio.read(self.root / path, start=start, n_samples=n_samples)
        return np.pad(signal, (0, self.length - n_samples)).astype(np.float32)


class Epochs(Sampler):
    """`(epoch, index)` of every item exactly once, shuffled from (seed, epoch). `epoch` is set before each pass."""

    def __init__(self, n_items: int, seed: int):
        self.n_items, self.seed, self.epoch = n_items, seed, 0

    def __len__(self) -> int:
        return self.n_items

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.n_items)
        return ((self.epoch, int(index)) for index in order)


def loader(dataset: PairSegments, batch_size: int, n_workers: int = 0) -> tuple[DataLoader, Epochs]:
    """Batches and the sampler whose `epoch` chooses the draw. The last, smaller batch is kept."""
    sampler = Epochs(len(dataset), dataset.seed)
    batches = DataLoader(
        dataset, batch_size, sampler=sampler, num_workers=n_workers, collate_fn=collate_keep_meta,
        pin_memory=torch.cuda.is_available(), persistent_workers=n_workers > 0,
    )  # fmt: skip
    return batches, sampler


def collate_keep_meta(items: list[tuple]) -> tuple:
    """Stack the tensors; the metadata stays a list of dicts and on the CPU.

    >>> batch = collate_keep_meta([(torch.zeros(1, 4), {"id": "a"}), (torch.ones(1, 4), {"id": "b"})])
    >>> list(batch[0].shape), batch[1]
    ([2, 1, 4], [{'id': 'a'}, {'id': 'b'}])
    """
    *tensors, metas = zip(*items, strict=True)
    return *(torch.stack(signals) for signals in tensors), list(metas)
