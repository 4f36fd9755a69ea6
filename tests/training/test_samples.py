"""Samples of an epoch, as a run gets them."""

import numpy as np
from training.trainings import Recorder

from lib.audio import files
from lib.corpus.manifest import load_pair
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
