"""Audio and spectrograms of validation items, to hear and see a run while it trains."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lib.audio import files, levels
from lib.audio.files import SAMPLE_RATE
from lib.corpus import manifest
from lib.figures import spectrograms
from lib.figures.base import Figure
from lib.tracking.run import Run

DPI = 100
ORDER = ("noisy", "enhanced", "restored", "clean")  # of the panels
N_KEPT = 8  # figures, of some 12 MB each; `n_samples_logged` may be more


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
        ordered = {name: signals[name] for name in ORDER}
        title = f"{row.id}, epoch {epoch}"
        figure = _figure(row.id, len(restored[row.id]), row.bandwidth_hz)
        spectrograms.show(figure, ordered, SAMPLE_RATE, title)
        picture = out / f"spectrograms_{epoch:03d}.png"
        _write_png(figure, picture)
        run.file(picture, folder)


@lru_cache(N_KEPT)
def _figure(item: str, n_samples: int, bandwidth_hz: float) -> Figure:
    """The figure of an item, which all its epochs share. A training waits for its pictures.

    Args:
        item: its id. It stands in the title, for which the figure leaves room.
    """
    silence = np.zeros(n_samples, np.float32)
    return spectrograms.spectrograms(dict.fromkeys(ORDER, silence), SAMPLE_RATE, item, bandwidth_hz)


def _write_png(figure: Figure, path: Path) -> None:
    """What `figure.savefig` writes, pixel by pixel; that draws twice, and compresses more."""
    figure.set_dpi(DPI)
    FigureCanvasAgg(figure).print_png(path, pil_kwargs={"compress_level": 1})
    # Axes and title have their places now; to find them takes as long as to draw.
    figure.set_layout_engine("none")
