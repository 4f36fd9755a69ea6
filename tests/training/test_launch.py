"""Two processes with half a batch each do what one does with the whole; one of them records."""

import signal

import numpy as np
import pytest
import torch
from training.trainings import SMALL

from lib.config.train import Train
from lib.corpus import manifest
from lib.data.sampling import EpochSampler
from lib.tracking import session, store
from lib.training.checkpoints import read_checkpoint
from lib.training.launch import launch, signal_handlers_kept
from lib.training.setup import training_data
from lib.training.spikes import read_spikes

GIVEN = SMALL | {
    "hidden": 32,
    "n_samples_logged": 0,
    "epochs": 2,
    "gan_start_epoch": 2,
    "grad_norm_threshold": 1e-6,
}


def launched(train_rows, out, **given):
    """The history of a training on these rows, and the id of its run."""
    run, p = session.start("train", Train, GIVEN | given)
    rows, about = training_data(p, manifest.read("train"))
    try:
        return launch(p, rows | {"train": train_rows}, out, run, about), run.id
    finally:
        run.finish()


def place_on_second_process(rows) -> int:
    """The row of the second process' first item in epoch 1, of an even number of rows."""
    sampler = EpochSampler(len(rows), seed=0, rank=1, n_ranks=2)
    sampler.set_epoch(1)
    return next(iter(sampler))[1]


def test_two_processes_equal_one_with_the_doubled_batch(rows, tmp_path):
    train_rows = rows["train"].iloc[:8]  # two processes leave an odd one out
    one, _ = launched(train_rows, tmp_path / "one", batch_size=4)
    two, run_id = launched(train_rows, tmp_path / "two", batch_size=2, n_processes=2)
    for name in (name for name in one if name.startswith(("valid/", "train/"))):
        # Judges magnify rounding, and so does the small spread of two items.
        atol = 5e-3 if name.startswith(("valid/gain", "valid/selection")) else 1e-4
        np.testing.assert_allclose(two[name], one[name], rtol=1e-4, atol=atol, err_msg=name)
    valid = [name for name in one if name.startswith("valid/")]
    np.testing.assert_allclose(two[valid].iloc[0], one[valid].iloc[0], atol=1e-5)
    averages = [
        read_checkpoint(tmp_path / name / "last.pt")["learner"]["average"]
        for name in ("one", "two")
    ]
    for key, value in averages[0].items():
        torch.testing.assert_close(averages[1][key], value, rtol=1e-3, atol=1e-5)

    # Only one process records, but the spikes have the items of both.
    history = store.client().get_metric_history(run_id, "valid/lsd_db")
    assert [value.step for value in history] == [0, 1, 2]
    spikes = [read_spikes(tmp_path / name) for name in ("one", "two")]
    assert spikes[1].groupby("step")["rank"].nunique().eq(2).all()
    # The first step has equal weights, so its gradient is that of the doubled batch.
    first = [table.grad_norm.iloc[0] for table in spikes]
    # Signs of differences cancel out in it, which magnifies rounding.
    assert first[1] == pytest.approx(first[0], rel=1e-3)
    for step in spikes[0].step.unique():
        items = [set(table.id[table.step == step]) for table in spikes]
        assert items[0] == items[1]


def test_an_error_in_one_process_ends_all_with_its_message(rows, tmp_path):
    broken = rows["train"].iloc[:8].copy()
    column = broken.columns.get_loc("noisy")
    broken.iloc[place_on_second_process(broken), column] = "noisy/nowhere.flac"
    with pytest.raises(RuntimeError, match=r"process 1: .*noisy/nowhere.flac"):
        launched(broken, tmp_path, batch_size=4, n_processes=2)


def test_a_step_that_is_not_finite_in_one_process_is_skipped_in_all_and_recorded(rows, tmp_path):
    """The second process' item has a bandwidth that is no number, and so has its loss."""
    broken = rows["train"].iloc[:8].copy()
    broken.bandwidth_hz = broken.bandwidth_hz.astype(float)
    place = place_on_second_process(broken)
    broken.iloc[place, broken.columns.get_loc("bandwidth_hz")] = np.nan
    given = {"batch_size": 1, "epochs": 1, "gan_start_epoch": 9, "grad_norm_threshold": 1e9}
    given["lambda_overshoot"] = 1.0  # a mean over the bins below the bandwidth: here over none
    history, _ = launched(broken, tmp_path, n_processes=2, **given)
    assert history["train/skipped_steps"].iloc[-1] == 1
    spikes = read_spikes(tmp_path)
    assert spikes["rank"].tolist() == [0, 1] and spikes.idx.iloc[1] == place


def test_handlers_of_signals_are_put_back_after_an_error():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyError), signal_handlers_kept():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyError
    assert signal.getsignal(signal.SIGTERM) == before
