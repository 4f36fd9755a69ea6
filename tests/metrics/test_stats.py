"""Statistics with results known beforehand."""

import numpy as np
import pytest

from lib.metrics import stats


@pytest.mark.parametrize(
    "restored, enhanced, clean, share",
    [
        ([2.0, 2.0], [1.0, 1.0], [3.0, 3.0], 0.5),
        ([4.0], [8.0], [0.0], 0.5),  # a distance: lower is better
        ([0.5], [1.0], [3.0], -0.25),
        ([1.0, 5.0], [1.0, 1.0], [2.0, 9.0], 4 / 9),  # a ratio of means, not the mean ratio 0.25
        (
            [2.0, np.nan, 7.0],
            [1.0, 1.0, np.nan],
            [3.0, 3.0, 3.0],
            0.5,
        ),  # missing in one: left out of all
    ],
)
def test_gap_closed_is_a_ratio_of_means(restored, enhanced, clean, share):
    assert stats.gap_closed(restored, enhanced, clean) == pytest.approx(share)


def test_no_gap_and_an_infinite_gap_have_no_share():
    assert np.isnan(stats.gap_closed([1.0], [2.0], [2.0]))
    assert np.isnan(stats.gap_closed([10.0], [5.0], [np.inf]))
    assert np.isnan(stats.gap_closed([], [], []))


def test_the_bootstrap_interval_holds_the_true_mean_in_95_of_100_cases():
    rng = np.random.default_rng(0)
    intervals = [
        stats.bootstrap_interval(rng.normal(3.0, 2.0, 50), seed, n_bootstrap=500)
        for seed in range(400)
    ]
    assert np.mean([low < 3.0 < high for low, high in intervals]) == pytest.approx(0.94, abs=0.03)
    assert np.mean([high - low for low, high in intervals]) == pytest.approx(
        2 * 1.96 * 2 / np.sqrt(50), rel=0.05
    )


def test_the_bootstrap_repeats_from_its_seed_and_leaves_missing_values_out():
    values = np.random.default_rng(0).normal(size=40)
    interval = stats.bootstrap_interval(values, seed=1)
    assert interval == stats.bootstrap_interval([*values, np.nan], seed=1)
    assert interval != stats.bootstrap_interval(values, seed=2)
    assert np.isnan(stats.bootstrap_interval([np.nan], seed=0)).all()
