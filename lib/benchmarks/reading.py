"""Reading segments out of long files, beside reading the files whole and cutting them."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from torch.utils.data import DataLoader

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.benchmarks.timing import seconds_of
from lib.corpus.manifest import SIGNALS
from lib.corpus.sources import Sources
from lib.data.loader import make_loader
from lib.data.segments import PairSegments
from lib.runtime.progress import progress

FILE_LENGTH = 10 * SAMPLE_RATE
SEGMENT_LENGTH = SAMPLE_RATE
BATCH_SIZE = 8
UTTERANCES_PER_FILE = 4  # that are read to fill the files


def measure_reading(
    given: Sources, n_files: int = 12, n_items: int = 300, n_repeats: int = 3, seed: int = 0
) -> pd.DataFrame:
    """Segments of 1 s out of pairs of 10 s (joined utterances), in one loader worker, by turns.

    Args:
        given: the folder of speech.
        n_files: pairs.
        n_items: segments in each repeat, at least.
        n_repeats: measurements.
        seed: of the cuts.

    Returns: columns method (segments, whole files), items_per_s (median over the repeats), ratio
        (to whole files), ratio_min (over the repeats).
    """
    methods = {"segments": PairSegments, "whole files": WholeFiles}
    with tempfile.TemporaryDirectory() as folder:
        rows = _write_pairs(given, Path(folder), n_files)
        # The same files many times: an epoch must be long enough to be timed.
        rows = pd.DataFrame(rows * -(-n_items // n_files))
        loaders = [
            make_loader(dataset(Path(folder), rows, SEGMENT_LENGTH, seed), BATCH_SIZE, n_workers=1)
            for dataset in methods.values()
        ]
        for loader in loaders:  # starts the workers, and fills the operating system's cache
            next(iter(loader))
        measured = []
        for epoch in progress(range(n_repeats), "reading"):
            measured.append([seconds_of(_read_all, loader, epoch) for loader in loaders])
    seconds = pd.DataFrame(measured, columns=list(methods))
    # Within a repeat: other work on the machine slows both methods alike.
    ratios = seconds["whole files"].to_numpy()[:, None] / seconds
    table = {
        "items_per_s": len(rows) / seconds.median(),
        "ratio": ratios.median(),
        "ratio_min": ratios.min(),
    }
    return pd.DataFrame(table).rename_axis("method").reset_index()


class WholeFiles(PairSegments):
    """Reads the files of a pair whole and cuts the segment out: the method to compare with."""

    # A segment starts at the same place as in `PairSegments`.
    def _cut(self, path: str, start: int, n_samples: int) -> np.ndarray:
        return files.read(self.root / path)[start : start + n_samples]


def _write_pairs(given: Sources, folder: Path, n_files: int) -> list[dict]:
    """Pairs of 10 s in `folder`, and their rows as in a manifest."""
    paths = files.find(given.speech)[: UTTERANCES_PER_FILE * n_files]
    speech = np.concatenate([files.read(path, SAMPLE_RATE) for path in paths])
    rows = []
    for i in range(n_files):
        # Each file starts elsewhere in the joined speech.
        clean = 0.5 * np.resize(np.roll(speech, -i * FILE_LENGTH), FILE_LENGTH)
        row = {"id": str(i), "n_samples": FILE_LENGTH, "bandwidth_hz": SAMPLE_RATE / 2}
        # The three signals of a pair are the same one, since only reading is timed.
        for name in SIGNALS:
            row[name] = f"{name}_{i}{files.EXTENSION}"
            files.write(folder / row[name], clean, SAMPLE_RATE)
        rows.append(row)
    return rows


def _read_all(loader: DataLoader, epoch: int) -> None:
    loader.sampler.set_epoch(epoch)
    for _ in loader:
        pass
