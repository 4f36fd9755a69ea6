"""Statistics with results known beforehand."""

import tracemalloc

import numpy as np
import pytest

from lib.metrics import stats


@pytest.mark.parametrize(
    "restored, enhanced, clean, share",
    [
        ([2.0, 2.0], [1.0, 1.0], [3.0, 3.0], 0.5),
        # a distance: lower is better
        ([4.0], [8.0], [0.0], 0.5),
        ([0.5], [1.0], [3.0], -0.25),
        # a ratio of means, not the mean ratio 0.25
        ([1.0, 5.0], [1.0, 1.0], [2.0, 9.0], 4 / 9),
        # missing in one: left out of all
        ([2.0, np.nan, 7.0], [1.0, 1.0, np.nan], [3.0, 3.0, 3.0], 0.5),
    ],
)
def test_gap_closed_is_a_ratio_of_means(restored, enhanced, clean, share):
    assert stats.gap_closed(restored, enhanced, clean) == pytest.approx(share)


def test_no_gap_and_an_infinite_gap_have_no_share():
    assert np.isnan(stats.gap_closed([1.0], [2.0], [2.0]))
    assert np.isnan(stats.gap_closed([10.0], [5.0], [np.inf]))
    assert np.isnan(stats.gap_closed([], [], []))


RESTORED, ENHANCED = [3.1, 2.0, 4.5, 3.3], [3.0, 2.2, 4.0, 3.1]


def test_a_gain_is_counted_in_standard_deviations_of_enhanced():
    # enhanced: mean 3, squares 1 + 0 + 1 over n - 1 = 2
    assert stats.standardised_gain([2.5, 3.5, 4.5], [2.0, 3.0, 4.0]) == pytest.approx(0.5)
    assert stats.standardised_gain([2.5, 3.5, 4.5], [2.0, 3.0, 4.0], -1) == pytest.approx(-0.5)


def test_identity_gains_exactly_nothing_also_where_all_scores_are_equal():
    assert stats.standardised_gain(ENHANCED, ENHANCED) == 0.0
    assert stats.standardised_gain([0.9, 0.9], [0.9, 0.9], -1) == 0.0


@pytest.mark.parametrize("scale, shift", [(3.0, 0.0), (1.0, -7.0), (1e-3, 100.0)])
def test_another_unit_changes_no_gain(scale, shift):
    restored, enhanced = (scale * np.array(scores) + shift for scores in (RESTORED, ENHANCED))
    expected = stats.standardised_gain(RESTORED, ENHANCED)
    assert stats.standardised_gain(restored, enhanced) == pytest.approx(expected)


def test_tiny_gains_that_are_alike_stay_tiny():
    """Over their own standard deviation they would be enormous."""
    restored = np.add(ENHANCED, [1.0e-6, 1.1e-6, 1.0e-6, 0.9e-6])
    assert 0 < stats.standardised_gain(restored, ENHANCED) < 1e-5


def test_items_count_that_both_have_and_there_must_be_two():
    nan, inf = np.nan, np.inf
    gain = stats.standardised_gain([*RESTORED, nan, 9.0, inf], [*ENHANCED, 9.0, nan, 1.0])
    assert gain == stats.standardised_gain(RESTORED, ENHANCED)
    assert np.isnan(stats.standardised_gain([1.0, nan], [2.0, 3.0]))
    assert np.isnan(stats.standardised_gain([], []))
    assert np.isnan(stats.standardised_gain([1.0, 2.0], [3.0, 3.0]))  # no unit


def test_the_bootstrap_interval_holds_the_true_mean_in_95_of_100_cases():
    rng = np.random.default_rng(0)
    intervals = [
        stats.bootstrap_interval(rng.normal(3.0, 2.0, 50), seed, n_bootstrap=500)
        for seed in range(400)
    ]
    assert np.mean([low < 3.0 < high for low, high in intervals]) == pytest.approx(0.94, abs=0.03)
    width = np.mean([high - low for low, high in intervals])
    assert width == pytest.approx(2 * 1.96 * 2 / np.sqrt(50), rel=0.05)


@pytest.mark.parametrize("n", [2, 40, 300])
def test_the_interval_holds_the_quantiles_of_all_resamples_whatever_the_batch(n, monkeypatch):
    values = np.random.default_rng(n).normal(size=n)
    drawn = np.random.default_rng(7).integers(n, size=(500, n))
    expected = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    for batch_size in (1, 7, 1000):
        monkeypatch.setattr(stats, "BATCH_SIZE", batch_size)
        assert stats.bootstrap_interval(values, 7, n_bootstrap=500) == pytest.approx(expected)


def test_a_single_value_is_its_own_interval():
    assert stats.bootstrap_interval([3.1, np.nan], seed=0) == (3.1, 3.1)


def test_the_bootstrap_repeats_from_its_seed_and_leaves_missing_values_out():
    values = np.random.default_rng(0).normal(size=40)
    interval = stats.bootstrap_interval(values, seed=1)
    assert interval == stats.bootstrap_interval([*values, np.nan], seed=1)
    assert interval != stats.bootstrap_interval(values, seed=2)
    assert np.isnan(stats.bootstrap_interval([np.nan], seed=0)).all()


def test_differences_that_all_point_one_way_have_the_p_value_of_as_many_coins():
    assert stats.signed_rank(np.arange(1.0, 9.0)) == pytest.approx(2 / 2**8)
    assert stats.signed_rank([1.0, -1.0, 2.0, -2.0]) == 1.0
    assert np.isnan(stats.signed_rank([0.0, 0.0, np.nan]))


def test_holm_multiplies_the_smallest_p_value_by_the_number_of_tests():
    corrected = stats.holm([0.5, 0.001, 0.02, np.nan])
    assert corrected[:3] == pytest.approx([0.5, 0.003, 0.04]) and np.isnan(corrected[3])
    assert stats.holm([0.6, 0.7]).tolist() == [1.0, 1.0]


def test_an_interval_of_many_items_needs_little_memory():
    values = np.random.default_rng(0).standard_normal(20_000)
    tracemalloc.start()
    low, high = stats.bootstrap_interval(values, seed=0)
    peak_mb = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    assert peak_mb < 64  # all resamples at once would need 600
    # The standard error of the mean is 1 / sqrt(20,000).
    assert high - low == pytest.approx(2 * 1.96 / 20_000**0.5, rel=0.1)
