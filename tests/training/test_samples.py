"""Samples of an epoch, as a run gets them."""

import matplotlib.image
import numpy as np
from training.trainings import Recorder

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.audio.levels import within_full_scale
from lib.corpus.manifest import load_pair
from lib.figures.spectrograms import spectrograms
from lib.training.samples import log_samples


def test_epoch_0_logs_the_pair_and_later_ones_what_was_restored(rows, tmp_path):
    row = next(rows["valid"].itertuples(index=False))
    recorder = Recorder()
    log_samples("train", [row], {}, 0, tmp_path, recorder)
    folders = [path.rpartition("/")[0] for path in recorder.files]
    assert folders == [f"samples/{row.id}/{name}" for name in ("clean", "noisy", "enhanced")]
    restored = 0.5 * load_pair("train", row)["enhanced"]
    log_samples("train", [row], {row.id: restored}, 3, tmp_path, recorder)
    assert recorder.files[3:] == [
        f"samples/{row.id}/restored_003.flac",
        f"samples/{row.id}/spectrograms_003.png",
    ]
    np.testing.assert_allclose(files.read(tmp_path / "restored_003.flac"), restored, atol=1e-4)


def test_pictures_are_those_of_matplotlib_pixel_by_pixel(rows, tmp_path):
    """In the first epoch of an item, and later, when its figure is used again.

    Where a signal is beyond full scale, all are turned down.
    """
    row = next(rows["valid"].itertuples(index=False))
    pair = load_pair("train", row)
    for epoch, gain in ((1, 1.0), (2, 100.0), (10, 0.5)):
        restored = gain * pair["enhanced"]
        log_samples("train", [row], {row.id: restored}, epoch, tmp_path, Recorder())
        signals = within_full_scale(pair | {"restored": restored})
        ordered = {name: signals[name] for name in ("noisy", "enhanced", "restored", "clean")}
        title = f"{row.id}, epoch {epoch}"
        spectrograms(ordered, SAMPLE_RATE, title, row.bandwidth_hz).savefig(
            tmp_path / "expected.png", dpi=100
        )
        paths = (tmp_path / f"spectrograms_{epoch:03d}.png", tmp_path / "expected.png")
        np.testing.assert_array_equal(*map(matplotlib.image.imread, paths))
