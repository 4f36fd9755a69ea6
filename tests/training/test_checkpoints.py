"""Checkpoints: what they hold, which one is kept, and which ones are refused."""

import math
import shutil
import tempfile
from itertools import count
from pathlib import Path

import pytest
import torch
from signals import file_size_limit
from training.trainings import (
    RESUMED,
    Recorder,
    assert_same_networks,
    run,
    saved_learner,
    settings,
    small_learner,
)

from lib.training.checkpoints import Checkpoints, _link_or_copy, read_checkpoint
from lib.training.learner import Learner
from lib.training.loop import train
from lib.training.spikes import read_spikes
from lib.training.state import TrainState


def test_a_training_keeps_the_last_two_the_best_and_the_one_before_the_gan(whole):
    out, _, recorder = whole
    names = {"best.pt", "last.pt", "previous.pt", "before_gan.pt"}
    assert {path.name for path in out.glob("*.pt")} == names
    logged = {f"checkpoints/{name}" for name in names - {"previous.pt"}}
    # The last one is not logged in each epoch.
    assert logged <= set(recorder.files) and recorder.files.count("checkpoints/last.pt") < 4


def test_a_checkpoint_holds_all_that_a_step_changes(whole):
    saved = read_checkpoint(whole[0] / "before_gan.pt")
    assert saved["state"]["epoch"] == 1 and saved["params"]["gan_start_epoch"] == 2
    parts = "generator average discriminators adam_g adam_d schedule balance scaler_g scaler_d"
    assert set(saved["learner"]) == set(parts.split())
    assert saved["versions"]["torch"] == torch.__version__
    assert set(saved["state"]) == set(vars(TrainState()))


def test_a_full_disk_leaves_the_last_checkpoint_and_says_so(tmp_path):
    checkpoints = Checkpoints(settings(), tmp_path, Recorder(), {}, small_learner())
    checkpoints.save(TrainState(epoch=1))
    with pytest.raises(OSError, match=r"File too large: '.*last\.part'"), file_size_limit(50_000):
        checkpoints.save(TrainState(epoch=2))
    assert read_checkpoint(tmp_path / "last.pt")["state"]["epoch"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_best_is_the_epoch_with_the_highest_selection(whole):
    out, history, recorder = whole
    best = read_checkpoint(out / "best.pt")
    assert best["state"]["epoch"] == history.epoch[history["valid/selection"].idxmax()]
    assert history["best/selection"].iloc[-1] == history["valid/selection"].max()
    # MLflow's page that compares runs begins with the first metric.
    assert next(iter(recorder.values[-1][1])) == "best/selection"


def kept(out: Path, selections: list[float | None]) -> tuple[list[int], list[dict]]:
    """The epoch in `best.pt` after each epoch with such a selection, and the records.

    None: an epoch of a version that had no selection.
    """
    checkpoints = Checkpoints(settings(), out, Recorder(), {}, small_learner())
    state, epochs = TrainState(), []
    for epoch, selection in enumerate(selections):
        state.epoch = epoch
        state.history.append({"epoch": epoch, "valid/gap_closed": 0.9 - epoch})
        if selection is not None:
            state.history[-1]["valid/selection"] = selection
        checkpoints.save_epoch(state)
        epochs.append(read_checkpoint(out / "best.pt")["state"]["epoch"])
    return epochs, state.history


def test_a_score_that_is_missing_neither_becomes_best_nor_stays_it(tmp_path):
    nan = math.nan
    epochs, history = kept(tmp_path, [nan, 0.1, nan, 0.2, nan, 0.15])
    assert epochs == [0, 1, 1, 3, 3, 3]
    assert [record["best/epoch"] for record in history] == epochs
    assert "best/selection" not in history[0] and history[-1]["best/selection"] == 0.2


def test_the_epoch_before_training_stays_best_of_a_training_that_does_harm(tmp_path):
    assert kept(tmp_path, [0.0, -0.1, -0.3])[0] == [0, 0, 0]


def test_an_epoch_of_before_is_no_rival_and_without_any_judge_the_last_one_is_kept(tmp_path):
    assert kept(tmp_path, [None, None, -0.4, -0.5])[0] == [0, 1, 2, 2]
    assert kept(tmp_path, [math.nan, math.nan])[0] == [0, 1]


def steps_of(folder: Path) -> dict[str, int]:
    """The step of each checkpoint in a folder."""
    return {path.name: read_checkpoint(path)["state"]["step"] for path in folder.glob("*.pt")}


def test_an_epoch_whose_last_step_was_skipped_has_its_checkpoint_too(tmp_path):
    checkpoints = Checkpoints(settings(), tmp_path, None, {}, small_learner())
    for step, n_nonfinite in [(3, 0), (4, 0), (5, 1), (6, 2)]:
        checkpoints.save(TrainState(step=step, n_nonfinite=n_nonfinite), ["best.pt"])
    # 5 was written between steps that went wrong: nothing goes back to it.
    assert steps_of(tmp_path) == {"last.pt": 6, "previous.pt": 4, "best.pt": 6}
    assert not (tmp_path / "last.part").exists()
    resumed, state = Checkpoints(settings(), tmp_path, None, {}, small_learner()), TrainState()
    resumed.load(state)
    assert (state.step, state.n_nonfinite) == (6, 2)
    resumed.save(TrainState(step=7))
    assert steps_of(tmp_path)["previous.pt"] == 4
    resumed.save(TrainState(step=8, n_nonfinite=1))
    resumed.go_back(state)
    assert state.step == steps_of(tmp_path)["previous.pt"] == 7


def test_without_links_a_checkpoint_is_copied(tmp_path):
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as elsewhere:  # no link leads from there
        elsewhere.write(b"weights")
        elsewhere.flush()
        _link_or_copy(Path(elsewhere.name), tmp_path / "best.pt")
    assert (tmp_path / "best.pt").read_bytes() == b"weights"
    assert [path.name for path in tmp_path.iterdir()] == ["best.pt"]


def test_going_back_takes_weights_of_before_the_bad_steps(rows, tmp_path, monkeypatch):
    """Steps 4 to 6 are bad. A checkpoint is due after each step; that of step 3 counts."""
    original, taken, loaded = Learner.step, count(), []

    def step(self, *args):
        result = original(self, *args)
        return result._replace(finite=False) if 3 <= next(taken) < 6 else result

    def load(self, state, *names, original=Checkpoints.load):
        original(self, state, *names)
        loaded.append(state.step)

    monkeypatch.setattr(Learner, "step", step)
    monkeypatch.setattr(Checkpoints, "load", load)
    given = {"batch_size": 1, "checkpoint_steps": 1, "max_nonfinite_steps": 3}
    history, _ = run(settings(epochs=1, gan_start_epoch=9, **given), rows, tmp_path)
    # Told once: the steps that were taken again went well.
    assert read_spikes(tmp_path).empty
    assert loaded == [3] and history.epoch.tolist() == [0, 1]
    saved = read_checkpoint(tmp_path / "last.pt")
    assert saved["state"]["has_restarted"] and saved["learner"]["schedule"]["factor"] == 0.5


def test_a_broken_checkpoint_is_refused_and_the_one_before_is_offered(whole, rows, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(whole[0], out)
    last = out / "last.pt"
    last.write_bytes(last.read_bytes()[:1000])
    offer = r"The one before it is whole \(epoch 3, step 14\): `mv"
    with pytest.raises(ValueError, match=rf"last.pt: not a checkpoint .* {offer}"):
        run(settings(**RESUMED), rows, out)
    (out / "previous.pt").replace(last)
    run(settings(**RESUMED), rows, out)
    assert_same_networks(saved_learner(whole[0]), saved_learner(out))


def test_a_checkpoint_of_other_pairs_is_refused_by_name(whole, rows, tmp_path):
    shutil.copy(whole[0] / "last.pt", tmp_path)
    expected = r"last.pt: trained on {'corpus': 'train'}, expected {'corpus': 'other'}"
    with pytest.raises(ValueError, match=expected):
        train(settings(**RESUMED), rows, tmp_path, Recorder(), {"corpus": "other"})


def test_another_network_s_checkpoint_is_refused_by_name(whole, rows, tmp_path):
    shutil.copy(whole[0] / "last.pt", tmp_path)
    with pytest.raises(ValueError, match=r"last.pt: of another network"):
        run(settings(**RESUMED | {"channels": 8}), rows, tmp_path)


def test_a_file_that_is_no_checkpoint_is_refused_by_name(tmp_path):
    (tmp_path / "text.pt").write_text("no checkpoint")
    torch.save({"generator": {}}, tmp_path / "foreign.pt")
    torch.save({"format": "retimbre training 1", "params": {}}, tmp_path / "half.pt")
    for name in ("text.pt", "foreign.pt", "half.pt", "missing.pt"):
        with pytest.raises(ValueError, match=f"{name}: not a checkpoint"):
            read_checkpoint(tmp_path / name)
