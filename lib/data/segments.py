"""Random segments of prepared pairs."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset

from lib.audio import files
from lib.data.sampling import epoch_and_index


class PairSegments(Dataset):
    """Random segments `(enhanced, noisy, clean, meta)` of prepared pairs; one cut for all signals of a pair.

    Only the segment is read, and nothing is resampled.

    Args:
        root: the corpus folder.
        rows: usable manifest rows of one split.
        segment_length: samples; a shorter pair is padded with zeros, its true length is `meta["n_samples"]`.
        gain: range of the gain that all three signals get.
        p_invert: probability that the polarity of all three is turned.

    Returns: three tensors `[1, T]` and `meta`, never with audio in it: idx, id, clean (its path), start, n_samples, gain,
        bandwidth_hz.
    """

    def __init__(self, root: Path, rows: pd.DataFrame, segment_length: int, seed: int,
                 gain: tuple[float, float] = (1.0, 1.0), p_invert: float = 0.0):  # fmt: skip
        self.root, self.rows, self.length, self.seed = (
            root,
            list(rows.itertuples(index=False)),
            segment_length,
            seed,
        )
        self.gain, self.p_invert = gain, p_invert

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: tuple[int, int] | int) -> tuple[Tensor, Tensor, Tensor, dict]:
        epoch, index = epoch_and_index(key)
        row = self.rows[index]
        rng = np.random.default_rng([self.seed, epoch, index])
        start = int(rng.integers(max(row.n_samples - self.length, 0) + 1))
        gain = float(rng.uniform(*self.gain)) * (-1 if rng.random() < self.p_invert else 1)
        n_samples = min(self.length, row.n_samples)
        signals = [
            self._cut(path, start, n_samples) * np.float32(gain)
            for path in (row.enhanced, row.noisy, row.clean)
        ]
        meta = {
            "idx": index,
            "id": row.id,
            "clean": row.clean,
            "start": start,
            "n_samples": n_samples,
            "gain": gain,
        }
        meta["bandwidth_hz"] = row.bandwidth_hz
        return *(torch.from_numpy(signal[None]) for signal in signals), meta

    def _cut(self, path: str, start: int, n_samples: int) -> np.ndarray:
        signal = files.read(self.root / path, start=start, n_samples=n_samples)
        return np.pad(signal, (0, self.length - n_samples))
