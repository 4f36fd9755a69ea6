"""The timbre profile: known changes of power are found in their bands."""

import numpy as np
import pandas as pd
import pytest
from evaluation.score_tables import write_corpus
from signals import RATE

from lib.corpus import mix
from lib.evaluation import timbre
from lib.metrics import colour

NOISE = 0.1 * np.random.default_rng(0).standard_normal(4 * RATE)


def test_half_the_amplitude_is_6_db_down_in_every_band():
    table = timbre.change(NOISE / 2, NOISE, 24_000)
    assert table.band.tolist() == list(range(32))
    np.testing.assert_allclose(table.change_db, -6.02, atol=0.01)


def test_a_low_pass_takes_the_bands_above_it_alone():
    table = timbre.change(mix.low_pass(NOISE, 6_000), NOISE, 24_000)
    assert abs(table.change_db[table.hz < 5_000]).max() < 0.1
    assert table.change_db[table.hz > 7_000].max() < -40


def test_bands_beyond_the_bandwidth_are_left_out():
    table = timbre.change(NOISE, NOISE, 8_000)
    assert 6_000 < table.hz.max() < 8_000


def test_pauses_of_clean_do_not_count():
    pause = np.zeros(4 * RATE)
    hiss = 0.01 * np.random.default_rng(1).standard_normal(4 * RATE)
    estimate = np.concatenate([NOISE / 2, hiss])
    table = timbre.change(estimate, np.concatenate([NOISE, pause]), 24_000)
    np.testing.assert_allclose(table.change_db, -6.02, atol=0.1)


def test_a_change_is_the_same_number_as_in_the_score_of_colour():
    estimate = mix.low_pass(NOISE, 6_000)
    table = timbre.change(estimate, NOISE, 16_000)
    changes_db = colour.band_changes_db(estimate, NOISE, RATE, 16_000)
    assert table.change_db.tolist() == changes_db[table.band].tolist()


def colours(n: int, **change_db: float) -> pd.DataFrame:
    """`n` items with these changes in the band at 475 Hz; at 25 Hz there is only rumble."""
    items = pd.DataFrame({"item_id": [f"item {i}" for i in range(n)]})
    tables = [
        items.assign(system=system, band=band, hz=hz, change_db=value)
        for system, value in change_db.items()
        for band, hz in ((0, 25.0), (9, 475.0))
    ]
    return pd.concat(tables)


def test_the_mean_of_a_band_is_compared_on_both_sides_of_clean_alike():
    table = timbre.band_means(colours(4, enhanced=-2.0, restored=1.5))
    row = table.loc[9]
    assert table.index.tolist() == [9] and row.n_items == 4 and row.hz == 475.0
    assert (row.enhanced_db, row.restored_db, row.farther_db) == (-2.0, 1.5, -0.5)


def test_single_items_that_deviate_on_either_side_are_no_colour():
    table = colours(2, enhanced=0.0, restored=0.0)
    restored = (table.system == "restored") & (table.band == 9)
    table.loc[restored, "change_db"] = [-3.0, 3.0]
    assert timbre.band_means(table).farther_db[9] == 0.0


def test_the_interval_of_a_band_holds_its_mean():
    table = colours(20, enhanced=-2.0, restored=1.0)
    spread = np.random.default_rng(0).normal(0, 0.1, len(table))
    intervals = timbre.band_intervals(table.assign(change_db=table.change_db + spread))
    assert intervals.band.tolist() == [9, 9]
    assert (intervals.low < intervals["mean"]).all() and (intervals["mean"] < intervals.high).all()
    assert intervals["mean"].tolist() == pytest.approx([-2.0, 1.0], abs=0.1)


def test_each_pair_of_a_corpus_is_measured_and_recorded_pairs_get_an_snr():
    snr_db = [5.0, np.nan, 5.0]
    rows = write_corpus("halved", 3, lambda clean, noise: clean / 2, snr_db=snr_db)
    rows = rows.assign(split="train", verdict=["ok", "ok", "refused"], si_sdr_noisy_db=8.0)
    rows = rows.assign(noise_path="", noisy_path="recorded.wav")
    table = timbre.measure("halved", rows)
    assert table.groupby("id").snr_db.first().to_dict() == {"0": 5.0, "1": 10.0}
    np.testing.assert_allclose(table.change_db, -6.02, atol=0.01)


def test_pairs_without_noise_are_a_class_of_their_own_and_noise_alone_is_none():
    """The first two are clean, one of them in a room; the last one has no speech."""
    snr_db = [np.nan, np.nan, 5.0, -np.inf]
    rows = write_corpus("classes", 4, lambda clean, noise: clean / 2, snr_db=snr_db)
    rows = rows.assign(split="train", verdict="ok", noisy_path="")
    rows["noise_path"] = ["", "", "rain.wav", "rain.wav"]
    table = timbre.measure("classes", rows.assign(si_sdr_noisy_db=[np.inf, 3.0, 4.0, np.nan]))
    assert table.groupby("id").snr_db.first().to_dict() == {"0": np.inf, "1": np.inf, "2": 5.0}
    assert timbre.profile(table).groupby("snr_db").n_pairs.max().to_dict() == {5.0: 1, np.inf: 2}


def test_a_profile_has_the_quartiles_of_each_system():
    columns = {"system": ["a"] * 5 + ["b"] * 5, "hz": 100.0}
    table = pd.DataFrame(columns).assign(change_db=[-3.0, -1.0, 1.0, 3.0, 5.0] * 2)
    profile = timbre.profile(table, "system").set_index("system")
    assert profile.loc["b", ["low", "median", "high"]].tolist() == pytest.approx([-1, 1, 3])
    assert profile.n_pairs.tolist() == [5, 5]
