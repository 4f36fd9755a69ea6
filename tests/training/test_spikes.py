"""Steps with too large a gradient: their items are found by their paths, and told once."""

import numpy as np
import pandas as pd
from training.trainings import RESUMED, Recorder, cut_short, run, settings

from lib.audio import files
from lib.corpus.manifest import corpus_folder
from lib.training.batches import training_item
from lib.training.loop import train
from lib.training.spikes import SPIKES, read_spikes, remove_spikes_from, write_spike
from lib.training.state import TrainState
from lib.training.step import StepResult


def spike(out, step, norm):
    result = StepResult({"l1": 0.5}, {"generator": norm, "discriminators": 2.0}, True, False)
    write_spike(out, TrainState(epoch=1, step=step), result, [{"id": "a"}, {"id": "b"}])


def test_a_spike_has_a_row_for_each_item_and_nan_for_what_is_not_finite(tmp_path):
    spike(tmp_path, 3, 200.0)
    spike(tmp_path, 4, float("inf"))
    table = read_spikes(tmp_path)
    assert table.id.tolist() == ["a", "b"] * 2 and table.step.tolist() == [3, 3, 4, 4]
    assert table.grad_norm.tolist()[:2] == [200.0, 200.0] and table.grad_norm.isna().sum() == 2
    assert set(table.grad_norm_discriminators) == {2.0} and set(table["rank"]) == {0}


def test_without_spikes_the_table_is_empty(tmp_path):
    assert isinstance(read_spikes(tmp_path), pd.DataFrame) and read_spikes(tmp_path).empty


def test_spikes_that_come_again_and_a_line_cut_short_are_removed(tmp_path):
    for step in (3, 4, 5):
        spike(tmp_path, step, 200.0)
    with (tmp_path / SPIKES).open("a") as file:
        file.write('{"step": 2, "epo')
    assert read_spikes(tmp_path).step.unique().tolist() == [3, 4, 5]
    remove_spikes_from(tmp_path, 4)
    assert read_spikes(tmp_path).step.unique().tolist() == [3]


def test_spikes_after_the_checkpoint_are_not_told_twice(rows, tmp_path, monkeypatch):
    p = settings(**RESUMED | {"grad_norm_threshold": 1e-6})
    cut_short(p, rows, tmp_path, 7, monkeypatch)
    run(p, rows, tmp_path)
    assert read_spikes(tmp_path).step.drop_duplicates().tolist() == list(range(15))


def test_a_planted_broken_item_is_found_by_its_path(rows, tmp_path):
    """One pair at full scale whose clean file is all but silent."""
    train_rows = rows["train"].copy()
    rng = np.random.default_rng(0)
    for name, size in (("clean", 1e-3), ("enhanced", 0.9), ("noisy", 0.9)):
        signal = size * rng.uniform(-1, 1, train_rows.n_samples.iloc[3])
        files.write(corpus_folder("train") / name / "planted.flac", signal, 48_000)
        train_rows.iloc[3, train_rows.columns.get_loc(name)] = f"{name}/planted.flac"
    planted = rows | {"train": train_rows}
    given = {"epochs": 1, "gan_start_epoch": 9, "batch_size": 1, "lambda_l1": 1000.0}
    recorder = Recorder()
    train(settings(grad_norm_threshold=1e-6, **given), planted, tmp_path, recorder, {})
    spikes = read_spikes(tmp_path)
    assert len(spikes) == len(train_rows) and "/grad_spikes.jsonl" in recorder.files
    worst = spikes.loc[spikes.grad_norm.idxmax()]
    assert worst.clean == "clean/planted.flac" and worst.idx == 3 and worst.epoch == 1

    between = float((worst.grad_norm * spikes.grad_norm.nlargest(2).iloc[1]) ** 0.5)
    p = settings(grad_norm_threshold=between, **given)
    train(p, planted, tmp_path / "threshold", Recorder(), {})
    assert read_spikes(tmp_path / "threshold").clean.tolist() == ["clean/planted.flac"]
    signals = training_item(p, train_rows, worst.epoch, worst.idx)
    assert np.abs(signals["enhanced"]).max() > 0.5 > 100 * np.abs(signals["clean"]).max()
