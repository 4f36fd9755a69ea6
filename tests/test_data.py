"""Segments are a function of (seed, epoch, index), aligned, and read no more than they need."""

import numpy as np
import pandas as pd
import pytest
import torch
from signals import RATE

from lib import audio, data

LENGTH = 4_800


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Pairs whose samples tell their place: clean is a ramp, noisy half of it, enhanced a quarter."""
    root = tmp_path_factory.mktemp("corpus")
    rows = []
    for i, n_samples in enumerate([20_000, 9_000, 3_000, 30_000, 12_000]):
        ramp = np.arange(n_samples) / 40_000
        row = {"id": f"r{i}", "n_samples": n_samples, "bandwidth_hz": 11_025.0}
        for name, gain in (("clean", 1.0), ("noisy", 0.5), ("enhanced", 0.25)):
            row[name] = f"{name}/r{i}.flac"
            audio.write(root / row[name], gain * ramp, RATE)
        rows.append(row)
    return root, pd.DataFrame(rows)


def segments(corpus, **options):
    return data.PairSegments(*corpus, LENGTH, seed=3, **options)


def test_one_cut_and_one_gain_for_all_signals_of_a_pair(corpus):
    for index in range(5):
        enhanced, noisy, clean, meta = segments(corpus, gain=(0.5, 1.0), p_invert=0.5)[(1, index)]
        n = meta["n_samples"]
        np.testing.assert_allclose(noisy[0, :n], clean[0, :n] / 2, atol=1e-6)
        np.testing.assert_allclose(enhanced[0, :n], clean[0, :n] / 4, atol=1e-6)
        expected = meta["gain"] * (meta["start"] + np.arange(n)) / 40_000
        np.testing.assert_allclose(clean[0, :n], expected, atol=1e-6)


def test_a_short_pair_is_padded_and_says_so(corpus):
    *signals, meta = segments(corpus)[(1, 2)]
    assert meta["n_samples"] == 3_000 and meta["start"] == 0
    assert all(signal.shape == (1, LENGTH) and not signal[0, 3_000:].any() for signal in signals)


def test_metadata_holds_no_audio(corpus):
    meta = segments(corpus)[(1, 0)][-1]
    assert set(meta) == {"id", "start", "n_samples", "gain", "bandwidth_hz"}
    assert all(isinstance(value, (str, int, float)) for value in meta.values())


def test_each_epoch_has_every_item_once_in_an_order_of_its_own(corpus):
    batches, sampler = data.loader(segments(corpus), batch_size=2)
    orders = []
    for sampler.epoch in (1, 2, 3):
        orders.append([meta["id"] for *_, metas in batches for meta in metas])
        assert sorted(orders[-1]) == ["r0", "r1", "r2", "r3", "r4"]
    assert len(batches) == 3 and orders[0] != orders[1] != orders[2]


def test_the_same_batches_for_any_number_of_workers_over_epochs(corpus):
    seen = []
    for n_workers in (0, 2):
        batches, sampler = data.loader(segments(corpus, gain=(0.8, 1.0)), 2, n_workers)
        drawn = []
        for sampler.epoch in (1, 2):
            drawn += [torch.stack([enhanced, noisy, clean]) for enhanced, noisy, clean, _ in batches]
        seen.append(drawn)
    assert len(seen[0]) == 6
    for alone, workers in zip(*seen, strict=True):
        torch.testing.assert_close(alone, workers, rtol=0, atol=0)
    assert not torch.equal(seen[0][0][..., :100], seen[0][3][..., :100])  # another epoch, another draw


def test_a_file_that_is_gone_is_named(corpus):
    root, rows = corpus
    broken = data.PairSegments(root, rows.assign(noisy="noisy/nowhere.flac"), LENGTH, seed=0)
    with pytest.raises(audio.AudioError, match=r"noisy/nowhere\.flac: not readable"):
        broken[(1, 0)]
