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
    """Random segments `(enhanced, noisy, clean, meta)` of prepared pairs.

    All signals of a pair get one cut, one gain and one polarity, so they stay aligned. An item
    follows from (seed, epoch, index) alone; `dataset[index]` is that of epoch 0. Only the segment
    is read, and nothing is resampled.

    Args:
        root: the corpus folder.
        rows: usable manifest rows of one split.
        segment_length: samples; a shorter pair is padded with zeros.
        seed: of cuts, gains and polarities.
        gain: range of the gain.
        p_invert: probability of an inverted polarity.

    Returns: three tensors `[1, T]` and `meta`, which never holds audio: idx, id, clean (its path),
        start and n_samples (samples, without the padding), gain (negative: inverted), bandwidth_hz.

    Raises:
        AudioError: a file is missing, no audio or too short; the message names it.
    """

    def __init__(
        self,
        root: Path,
        rows: pd.DataFrame,
        segment_length: int,
        seed: int,
        gain: tuple[float, float] = (1.0, 1.0),
        p_invert: float = 0.0,
    ):
        self.root = root
        self.rows = list(rows.itertuples(index=False))
        self.length = segment_length
        self.seed = seed
        self.gain = gain
        self.p_invert = p_invert

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: tuple[int, int] | int) -> tuple[Tensor, Tensor, Tensor, dict]:
        epoch, index = epoch_and_index(key)
        row = self.rows[index]
        # The draws keep their order: in another one the same seed would give other items.
        rng = np.random.default_rng([self.seed, epoch, index])
        # Plus 1: the last start is the one whose segment ends with the pair.
        start = int(rng.integers(max(row.n_samples - self.length, 0) + 1))
        gain = random_gain(rng, self.gain, self.p_invert)
        n_samples = min(self.length, row.n_samples)
        signals = [
            self._cut(path, start, n_samples) * np.float32(gain)
            # The order in which training takes them.
            for path in (row.enhanced, row.noisy, row.clean)
        ]
        # Light values: workers send them to the main process with every batch.
        meta = {
            "idx": index,
            "id": row.id,
            "clean": row.clean,
            "start": start,
            "n_samples": n_samples,
            "gain": gain,
            "bandwidth_hz": row.bandwidth_hz,
        }
        return *(torch.from_numpy(signal[None]) for signal in signals), meta

    def _cut(self, path: str, start: int, n_samples: int) -> np.ndarray:
        signal = files.read(self.root / path, start=start, n_samples=n_samples)
        # Zeros go behind the signal: losses count the first `n_samples` samples alone.
        return np.pad(signal, (0, self.length - n_samples))


def random_gain(rng: np.random.Generator, gain: tuple[float, float], p_invert: float) -> float:
    """A gain within a range, negative for an inverted polarity.

    >>> random_gain(np.random.default_rng(0), (0.5, 0.5), p_invert=1.0)
    -0.5
    """
    return float(rng.uniform(*gain)) * (-1 if rng.random() < p_invert else 1)
