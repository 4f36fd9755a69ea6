"""Batches as the learner takes them."""

import numpy as np
import pytest
import torch
from training.trainings import random_batch, settings

from lib.corpus.manifest import load_pair
from lib.data.loader import collate_keep_meta
from lib.deepfilter.enhance import enhance
from lib.deepfilter.grid import DELAY
from lib.training.batches import (
    crop_start,
    enhance_mixtures,
    grouped,
    lengths_and_bandwidths,
    to_batch,
    training_item,
    training_items,
)
from lib.training.fresh_mixtures import LEAD_IN_LENGTH


def test_a_batch_has_the_segments_lengths_and_bandwidths_of_its_items(rows):
    p = settings()
    items = training_items(p, rows["train"])
    loaded = collate_keep_meta([items[1, index] for index in range(3)])
    batch = to_batch(p, loaded, "cpu")
    assert batch.enhanced.shape == batch.noisy.shape == batch.clean.shape == (3, 1, 9_600)
    assert batch.n_samples.tolist() == [9_600] * 3 and (batch.bandwidth_hz > 10_000).all()


def test_an_item_is_a_segment_of_its_pair_with_one_gain(rows):
    p = settings(gain_min=0.5, gain_max=0.5)
    item = training_item(p, rows["train"], epoch=1, index=2)
    pair = load_pair("train", rows["train"].iloc[2])
    places = np.flatnonzero(np.isclose(0.5 * pair["clean"], item["clean"][0], atol=1e-7))
    at = next(i for i in places if np.allclose(0.5 * pair["clean"][i : i + 9_600], item["clean"]))
    np.testing.assert_allclose(0.5 * pair["noisy"][at : at + 9_600], item["noisy"], atol=1e-7)


def test_a_fresh_mixture_gets_the_gain_and_polarity_of_a_segment(rows):
    given = {"gain_min": 0.5, "gain_max": 0.5, "p_invert": 1.0}
    gained, plain = (
        training_items(settings(on_the_fly=True, **more), rows["train"])[1, 2][:2]
        for more in (given, {"gain_min": 1.0, "gain_max": 1.0})
    )
    for one, other in zip(gained, plain, strict=True):
        torch.testing.assert_close(one, -0.5 * other)


def test_deepfilternet3_hears_a_fresh_mixture_as_it_hears_the_whole(rows):
    dataset = training_items(settings(on_the_fly=True), rows["train"])
    items = [dataset[1, index] for index in range(3)]
    enhanced, noisy, clean, metas = enhance_mixtures(collate_keep_meta(items), 9_600, "cpu")
    assert enhanced.shape == noisy.shape == clean.shape == (3, 1, 9_600)
    for i, (mixed, target, _, _) in enumerate(items):
        whole = enhance(mixed[0].numpy())
        segment = slice(LEAD_IN_LENGTH, LEAD_IN_LENGTH + metas[i]["n_samples"])
        # At its end the padded mixture and the mirrored one differ.
        n = metas[i]["n_samples"] - DELAY
        np.testing.assert_allclose(enhanced[i, 0, :n], whole[segment][:n], atol=2e-3)
        assert torch.equal(clean[i, 0, : metas[i]["n_samples"]], target[0, segment])
        assert metas[i]["bandwidth_hz"] > 10_000 and metas[i]["id"] == metas[i]["clean_path"]


def test_the_last_step_may_have_fewer_micro_batches():
    assert [len(group) for group in grouped(range(7), 3)] == [3, 3, 1]


def test_the_part_for_the_discriminators_ends_within_every_item():
    """The shortest of four items has 9,600 - 3 * 480 samples."""
    batch = random_batch(4)
    starts = [crop_start([batch], 4_800, seed=0, step=step) for step in range(200)]
    assert min(starts) < 200 and 3_160 < max(starts) <= 9_600 - 1_440 - 4_800
    assert crop_start([batch], 4_800, 0, 7) == starts[7]
    assert crop_start([batch], 0, 0, 7) == 0 and crop_start([batch], 9_600, 0, 7) == 0


def test_lengths_and_bandwidths_are_read_from_the_metadata():
    metas = [{"n_samples": n, "bandwidth_hz": hz} for n, hz in ((480, 8_000), (960, 24_000.0))]
    n_samples, bandwidth_hz = lengths_and_bandwidths(metas, "cpu")
    assert n_samples.tolist() == [480, 960]
    assert bandwidth_hz.tolist() == pytest.approx([8_000, 24_000])
