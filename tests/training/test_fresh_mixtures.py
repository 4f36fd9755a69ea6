"""Mixtures on the fly: one for each utterance, another one in every epoch."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from training.trainings import assert_same_networks, run, saved_learner, settings

from lib.corpus import manifest, sources
from lib.training.fresh_mixtures import fresh_mixtures


def test_each_row_is_a_mixture_and_each_epoch_has_another_one(rows):
    dataset = fresh_mixtures("train", rows["train"], 9_600, seed=0)
    assert len(dataset) == len(set(rows["train"].clean_path)) == 9
    first, again, other = dataset[1, 0], dataset[1, 0], dataset[2, 0]
    assert torch.equal(first[0], again[0]) and not torch.equal(first[0], other[0])


def test_training_on_them_gives_the_same_weights_twice(rows, tmp_path):
    p = settings(epochs=2, gan_start_epoch=9, on_the_fly=True)
    history, _ = run(p, rows, tmp_path / "first")
    assert np.isfinite(history["train/bins"][1:]).all()
    assert history["train/bins"].nunique() == 2
    run(p, rows, tmp_path / "second")
    first, second = (saved_learner(tmp_path / name) for name in ("first", "second"))
    assert_same_networks(first, second)


def test_files_that_are_gone_are_refused_by_name(rows):
    gone = rows["train"].assign(clean_path="speaker0/gone.wav")
    with pytest.raises(ValueError, match=r"on_the_fly: .*gone.wav is gone, one of 1 files"):
        fresh_mixtures("train", gone, 9_600, seed=0)


def test_utterances_shorter_than_half_a_segment_are_refused(rows):
    with pytest.raises(ValueError, match=r"on_the_fly: no utterance of train has \d+ samples"):
        fresh_mixtures("train", rows["train"], 480_000, seed=0)


def test_utterances_that_are_too_short_are_left_out_and_counted(rows, capsys):
    """Of 1.2 to 1.7 s; a second to warm up and 0.5 s of segment ask for 1.5 s."""
    dataset = fresh_mixtures("train", rows["train"], 48_000, seed=0)
    n_long = int((rows["train"].n_samples >= 72_000).sum())
    assert 0 < len(dataset) == n_long < 9
    assert f"{9 - n_long} of 9 utterances are too short" in capsys.readouterr().out


def test_rooms_and_recorders_are_those_of_the_corpus_and_clean_rows_bring_no_noise(
    rows, monkeypatch
):
    settings = manifest.stored_settings("train") | {"p_codec": 0.25, "early_ms": 20.0}
    monkeypatch.setattr(manifest, "stored_settings", lambda corpus: settings)
    folders = manifest.stored_sources("train")
    room = sources.find_files(folders.room, "room")[0]
    first, *others = rows["train"].index
    table = rows["train"].assign(rir="")
    table.loc[first, ["rir", "noise_path"]] = room, ""
    dataset = fresh_mixtures("train", table, 9_600, seed=0)
    used = dataset.conditions
    assert used.rooms == (folders.room / room,) and used.early == 960
    assert used.p_codec == 0.25 and used.p_reverb == settings["p_reverb"] and used.p_clean == 0.0
    assert (used.p_noise_alone, used.formant_min, used.formant_max) == (0.0, 1.0, 1.0)
    assert {path.name for path in dataset.noise} == {
        Path(path).name for path in table.loc[others].noise_path
    }


def test_the_bandwidth_is_that_of_the_recording_and_not_of_a_pair_that_was_played_faster(rows):
    table = rows["train"].assign(bandwidth_hz=11_000.0, speed=1.1)
    dataset = fresh_mixtures("train", table, 9_600, seed=0)
    assert list(dataset.bandwidth_hz.values()) == pytest.approx([10_000.0] * len(table))


def test_noise_alone_and_formants_are_those_of_the_corpus_and_such_rows_tell_no_bandwidth(
    rows, monkeypatch
):
    later = {"p_noise_alone": 0.25, "formant_min": 0.9, "formant_max": 1.1}
    settings = manifest.stored_settings("train") | later
    monkeypatch.setattr(manifest, "stored_settings", lambda corpus: settings)
    speech, noise = rows["train"].assign(bandwidth_hz=9_000.0), rows["train"].head(1)
    table = pd.concat([speech, noise.assign(snr_db=-np.inf, bandwidth_hz=24_000.0)])
    dataset = fresh_mixtures("train", table, 9_600, seed=0)
    used = dataset.conditions
    assert {name: getattr(used, name) for name in later} == later
    assert set(dataset.bandwidth_hz.values()) == {9_000.0} and len(dataset) == len(table)
