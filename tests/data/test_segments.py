"""Segments of pairs are aligned, follow from (seed, epoch, index), and name a bad file."""

import numpy as np
import pytest
import torch
from data.pairs import LENGTH

from lib.audio.files import AudioError
from lib.data.segments import PairSegments


def segments(corpus, **options):
    return PairSegments(*corpus, LENGTH, seed=3, **options)


def test_one_cut_and_one_gain_for_all_signals_of_a_pair(corpus):
    for index in range(5):
        enhanced, noisy, clean, meta = segments(corpus, gain=(0.5, 1.0), p_invert=0.5)[(1, index)]
        n = meta["n_samples"]
        np.testing.assert_allclose(noisy[0, :n], clean[0, :n] / 2, atol=1e-6)
        np.testing.assert_allclose(enhanced[0, :n], clean[0, :n] / 4, atol=1e-6)
        expected = meta["gain"] * (meta["start"] + np.arange(n)) / 40_000
        np.testing.assert_allclose(clean[0, :n], expected, atol=1e-6)


def test_gains_fill_their_range_and_the_polarity_is_inverted_as_often_as_asked_for(corpus):
    dataset = segments(corpus, gain=(0.5, 1.0), p_invert=0.25)
    gains = np.array([dataset[epoch, 0][-1]["gain"] for epoch in range(200)])
    assert 0.5 <= np.abs(gains).min() < 0.52 and 0.98 < np.abs(gains).max() <= 1.0
    assert (gains < 0).mean() == pytest.approx(0.25, abs=0.1)


def test_an_item_repeats_from_seed_and_epoch_and_a_plain_index_is_epoch_0(corpus):
    dataset = segments(corpus, gain=(0.5, 1.0))
    assert torch.equal(dataset[2, 0][0], segments(corpus, gain=(0.5, 1.0))[2, 0][0])
    assert dataset[0][-1] == dataset[0, 0][-1] != dataset[1, 0][-1]


def test_a_short_pair_is_padded_and_says_so(corpus):
    *signals, meta = segments(corpus)[(1, 2)]
    assert meta["n_samples"] == 3_000 and meta["start"] == 0
    assert all(signal.shape == (1, LENGTH) and not signal[0, 3_000:].any() for signal in signals)


def test_metadata_holds_no_audio(corpus):
    meta = segments(corpus)[(1, 0)][-1]
    assert set(meta) == {"idx", "id", "clean", "start", "n_samples", "gain", "bandwidth_hz"}
    assert all(isinstance(value, (str, int, float)) for value in meta.values())


def test_a_file_that_is_gone_is_named(corpus):
    root, rows = corpus
    broken = PairSegments(root, rows.assign(noisy="noisy/nowhere.flac"), LENGTH, seed=0)
    with pytest.raises(AudioError, match=r"noisy/nowhere\.flac: not readable"):
        broken[(1, 0)]
