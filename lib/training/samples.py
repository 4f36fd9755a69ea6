"""Audio and spectrograms of validation items, to hear and see a run while it trains."""

from pathlib import Path

import numpy as np

from lib.audio import files, levels
from lib.audio.files import SAMPLE_RATE
from lib.corpus import manifest
from lib.figures import spectrograms
from lib.tracking.run import Run


def log_samples(
    corpus: str, rows: list, restored: dict[str, np.ndarray], epoch: int, out: Path, run: Run
) -> None:
    """Log the samples of an epoch to `run`, in `samples/<id>`.

    Epoch 0 logs the pairs themselves; the others log the restored signal and its spectrogram beside
    those of the pair.

    Args:
        rows: manifest rows of the items.
        restored: their signals `[T]`, by id.
        out: folder for the files before they are logged.
    """
    for row in rows:
        folder = f"samples/{row.id}"
        if epoch == 0:
            for name in manifest.SIGNALS:
                run.file(manifest.corpus_folder(corpus) / getattr(row, name), f"{folder}/{name}")
            continue
        pair = manifest.load_pair(corpus, row)
        signals = levels.within_full_scale(pair | {"restored": restored[row.id]})
        audio = out / f"restored_{epoch:03d}.flac"
        run.file(files.write(audio, signals["restored"], SAMPLE_RATE), folder)
        ordered = {name: signals[name] for name in ("noisy", "enhanced", "restored", "clean")}
        title = f"{row.id}, epoch {epoch}"
        figure = spectrograms.spectrograms(ordered, SAMPLE_RATE, title, row.bandwidth_hz)
        picture = out / f"spectrograms_{epoch:03d}.png"
        figure.savefig(picture, dpi=100)
        run.file(picture, folder)
