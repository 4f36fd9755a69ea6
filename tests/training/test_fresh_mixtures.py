"""Mixtures on the fly: one for each utterance, another one in every epoch."""

import numpy as np
import pytest
import torch
from training.trainings import assert_same_networks, run, saved_learner, settings

from lib.training.fresh_mixtures import fresh_mixtures


def test_each_row_is_a_mixture_and_each_epoch_has_another_one(rows):
    dataset = fresh_mixtures("train", rows["train"], 9_600, seed=0)
    assert len(dataset) == len(set(rows["train"].clean_path)) == 9
    first, again, other = dataset[1, 0], dataset[1, 0], dataset[2, 0]
    assert torch.equal(first[0], again[0]) and not torch.equal(first[0], other[0])


def test_training_on_them_gives_the_same_weights_twice(rows, tmp_path):
    p = settings(epochs=2, gan_start_epoch=9, on_the_fly=True)
    history, _ = run(p, rows, tmp_path / "first")
    assert np.isfinite(history["train/spectral"][1:]).all()
    assert history["train/l1"].nunique() == 2
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
