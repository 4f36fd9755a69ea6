"""The timbre profile: known changes of power are found in their bands."""

import numpy as np
import pandas as pd
import pytest
from evaluation.score_tables import write_corpus
from signals import RATE

from lib.corpus import mix
from lib.evaluation import timbre

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


def test_each_pair_of_a_corpus_is_measured_and_recorded_pairs_get_an_snr():
    snr_db = [5.0, np.nan, 5.0]
    rows = write_corpus("halved", 3, lambda clean, noise: clean / 2, snr_db=snr_db)
    rows = rows.assign(split="train", verdict=["ok", "ok", "refused"], si_sdr_noisy_db=8.0)
    table = timbre.measure("halved", rows)
    assert table.groupby("id").snr_db.first().to_dict() == {"0": 5.0, "1": 10.0}
    np.testing.assert_allclose(table.change_db, -6.02, atol=0.01)


def test_a_profile_has_the_quartiles_of_each_system():
    columns = {"system": ["a"] * 5 + ["b"] * 5, "hz": 100.0}
    table = pd.DataFrame(columns).assign(change_db=[-3.0, -1.0, 1.0, 3.0, 5.0] * 2)
    profile = timbre.profile(table, "system").set_index("system")
    assert profile.loc["b", ["low", "median", "high"]].tolist() == pytest.approx([-1, 1, 3])
    assert profile.n_pairs.tolist() == [5, 5]
