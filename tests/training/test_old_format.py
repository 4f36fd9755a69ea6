"""A checkpoint that the version before wrote: it loads, restores as it did, and can be resumed.

`old_checkpoint.pt` was saved after step 5 of 8, within epoch 2, of a training with `channels` 4,
`hidden` 8, `lambda_disturbance` 0.5 and discriminators of 4 channels.
"""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from training.trainings import Recorder

from lib.config.base import build
from lib.config.train import Train
from lib.inference.restorer import load_generator, restore_signal
from lib.models import discriminators
from lib.training.checkpoints import FORMAT, read_checkpoint
from lib.training.loop import train
from lib.training.state import TrainState

OLD = Path(__file__).with_name("old_checkpoint.pt")


def test_the_generator_gives_the_output_that_it_gave():
    t = np.arange(9_600) / 48_000
    enhanced = (0.1 * np.sin(2 * np.pi * 1_000 * t)).astype(np.float32)
    noisy = (enhanced + 0.05 * np.sin(2 * np.pi * 7_000 * t)).astype(np.float32)
    restored = restore_signal(load_generator(OLD), enhanced, noisy)
    # Printed by the code that wrote the checkpoint:
    samples = [0.0109524, 0.0085163, 0.0066769, 0.0085177, 0.0066769, 0.0085177, 0.0066769]
    np.testing.assert_allclose(restored[:8_400:1_200], samples, atol=2e-6)
    assert np.sqrt(np.mean(restored**2)) == pytest.approx(0.13336363, rel=1e-4)


def test_parameters_and_state_have_their_present_names():
    saved = read_checkpoint(OLD)
    p = build(Train, saved["params"])
    assert (p.lambda_pesq, p.high_band_weight, p.warmup_steps) == (0.5, 2.0, 1)
    state = TrainState(**saved["state"])
    assert (state.epoch, state.step, state.n_batches) == (2, 5, 1)
    assert state.max_grad_norm == pytest.approx(67.034294) and state.n_nonfinite == 0
    assert state.term_sums["pesq"] == pytest.approx(3.009825)
    assert not any("disturbance" in name for name in (*state.term_sums, *state.history[1]))
    assert state.step_sums["n_steps"] == 1 and not state.has_restarted


def test_records_have_their_present_names_and_the_usual_scale_of_the_mcd():
    record = read_checkpoint(OLD)["state"]["history"][1]
    assert record["epoch"] == 1 and record["train/pesq"] == pytest.approx(2.6395527)
    assert record["valid/loss_pesq"] == pytest.approx(2.8906171)  # the loss term
    assert record["valid/pesq"] == pytest.approx(1.6779365)  # the score
    assert record["valid/mcd_db"] == pytest.approx(28.765264 / math.sqrt(40))
    terms = "l1 spectral pesq complex over_attenuation mel adversarial features discriminator"
    losses = {name for name in record if name.startswith("valid/loss_")}
    assert losses == {f"valid/loss_{name}" for name in terms.split()}
    assert record["valid/score_clean"] > 0 and "valid/gap_closed_mcd_db" in record


def test_the_training_is_resumed_within_its_epoch(rows, tmp_path, monkeypatch):
    sizes = (4, {"period": 1, "scale": 1, "stft": 1})
    monkeypatch.setitem(discriminators.SIZES, "cpu", sizes)
    shutil.copy(OLD, tmp_path / "last.pt")
    p = build(Train, read_checkpoint(OLD)["params"] | {"corpus": "train"})
    four = {"train": rows["train"].iloc[:4], "valid": rows["valid"].iloc[:2]}
    recorder = Recorder()
    history = train(p, four, tmp_path, recorder, {"corpus": "demo"})
    assert history.epoch.tolist() == [0, 1, 2]
    assert np.isfinite(history[["valid/loss_pesq", "valid/mcd_db"]]).all().all()
    # Its epochs were chosen by other scores, so the first one that was judged is the best.
    assert history["valid/selection"].notna().tolist() == [False, False, True]
    assert history["best/epoch"].iloc[-1] == 2
    assert read_checkpoint(tmp_path / "best.pt")["state"]["epoch"] == 2
    saved = read_checkpoint(tmp_path / "last.pt")
    assert saved["format"] == FORMAT and saved["state"]["step"] == 8
    assert saved["learner"]["schedule"] == {"position": 8, "factor": 1.0}
