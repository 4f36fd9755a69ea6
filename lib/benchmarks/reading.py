"""Segments read out of long files, beside whole files that are cut."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.benchmarks import items
from lib.corpus.sources import Sources
from lib.data.loader import make_loader
from lib.data.segments import PairSegments
from lib.runtime.progress import progress


def measure_reading(
    given: Sources, n_files: int = 12, n_items: int = 300, n_repeats: int = 3, seed: int = 0
) -> pd.DataFrame:
    """Segments of 1 s out of pairs of 10 s (joined utterances): only the segment is read, or the files whole and then cut.

    Both in one loader worker of one process, by turns. Columns: method (segments, whole files), items_per_s (median over the
    repeats), ratio to whole files, ratio_min.
    """
    speech, length = files.find(given.speech), 10 * SAMPLE_RATE
    with tempfile.TemporaryDirectory() as folder:
        joined, rows = (
            np.concatenate([files.read(path, SAMPLE_RATE) for path in speech[: 4 * n_files]]),
            [],
        )
        for i in range(n_files):
            clean = 0.5 * np.resize(np.roll(joined, -i * length), length)
            row = {"id": str(i), "n_samples": length, "bandwidth_hz": SAMPLE_RATE / 2}
            for name, gain in (("clean", 1.0), ("noisy", 0.7), ("enhanced", 0.9)):
                row[name] = f"{name}_{i}{files.EXTENSION}"
                files.write(Path(folder) / row[name], gain * clean, SAMPLE_RATE)
            rows.append(row)
        rows = pd.DataFrame(rows * -(-n_items // n_files))
        ways = {"segments": PairSegments, "whole files": _WholeFiles}
        loaders = {
            name: make_loader(way(Path(folder), rows, SAMPLE_RATE, seed), 8, n_workers=1)
            for name, way in ways.items()
        }
        for batches in loaders.values():  # starts the workers, fills the cache
            next(iter(batches))
        measured = []
        for epoch in progress(range(n_repeats), "reading"):
            measured.append(
                [items.seconds_of(_exhaust, batches, epoch) for batches in loaders.values()]
            )
    seconds = pd.DataFrame(measured, columns=list(ways))
    ratios = seconds["whole files"].to_numpy()[:, None] / seconds
    table = {
        "items_per_s": len(rows) / seconds.median(),
        "ratio": ratios.median(),
        "ratio_min": ratios.min(),
    }
    return pd.DataFrame(table).rename_axis("method").reset_index()


class _WholeFiles(PairSegments):
    """The plain way, to compare with."""

    def _cut(self, path: str, start: int, n_samples: int) -> np.ndarray:
        return files.read(self.root / path)[start : start + n_samples]


def _exhaust(batches, epoch: int) -> None:
    batches.sampler.set_epoch(epoch)
    for _ in batches:
        pass
