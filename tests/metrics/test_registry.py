"""The table of scores: their names, their better side, and that each is computed as asked."""

import numpy as np
import pytest
from signals import RATE, noise, speech_like

from lib.losses.reconstruction import TERMS
from lib.metrics import registry
from lib.metrics.lsd import lsd_db
from lib.metrics.registry import Score, compute_scores

FULL_HZ = 24_000.0


def test_every_score_is_computed_under_its_name_in_the_order_of_the_table():
    clean = speech_like(1)
    scores = compute_scores(clean + noise(1, 0.01), clean, RATE, FULL_HZ, registry.ALL)
    assert tuple(scores) == registry.ALL
    assert all(type(value) is float for value in scores.values())


def test_names_are_returned_in_the_order_in_which_they_were_asked_for():
    names = ("voicing_error", "lsd_db", "dnsmos_bak")
    assert tuple(compute_scores(noise(1), noise(1), RATE, FULL_HZ, names)) == names


def test_a_function_of_several_names_is_called_once(monkeypatch):
    def sides(estimate, sample_rate):
        calls.append(sample_rate)
        return {"left": 1.0, "right": 2.0}

    calls, score = [], Score("left right", sides, "higher", None)
    monkeypatch.setattr(registry, "_BY_NAME", {"left": score, "right": score})
    scores = compute_scores(noise(1), noise(1), RATE, FULL_HZ, ("right", "left"))
    assert scores == {"right": 2.0, "left": 1.0} and calls == [RATE]


def test_core_and_jury_are_in_the_table():
    assert {*registry.CORE, *registry.JURY} <= set(registry.ALL)
    assert all(score.better in ("higher", "lower") for score in registry.SCORES)


def test_selection_is_of_the_jury_and_holds_no_relative_of_a_loss():
    assert set(registry.SELECTION) <= set(registry.JURY)
    assert not set(registry.SELECTION) & {"pesq", *TERMS}
    # The loss `dnsmos` is P.835.
    assert not set(registry.JURY) & {"dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl"}


def test_clean_scores_its_ideal_values_against_itself():
    clean = speech_like()
    scores = compute_scores(clean, clean, RATE, FULL_HZ, registry.ALL)
    ideal = {name: scores[name] for name in registry.IDEAL}
    assert ideal == pytest.approx(registry.IDEAL, abs=1e-4)
    assert set(registry.CORE) <= set(registry.IDEAL)


def test_every_score_falls_with_more_noise_in_the_sense_of_its_sign():
    clean = speech_like()
    better, worse = (
        compute_scores(clean + noise(3, level), clean, RATE, FULL_HZ) for level in (0.001, 0.02)
    )
    for name in registry.CORE:
        sign = registry.SIGN[name]
        assert sign * registry.IDEAL[name] > sign * better[name] > sign * worse[name], name


def test_lsd_above_4_khz_is_the_distance_there():
    clean, worse = noise(1), noise(1, seed=1)
    score = compute_scores(worse, clean, RATE, 9000.0, ("lsd_above_4k_db",))
    assert score == {"lsd_above_4k_db": lsd_db(worse, clean, RATE, 9000.0, above_hz=4000.0)}


@pytest.mark.parametrize("estimate, reference", [(0, 1), (1, 0), (0, 0)])
def test_scores_of_silence_that_cannot_be_computed_are_missing(estimate, reference):
    clean = speech_like(1)
    scores = compute_scores(estimate * clean, reference * clean, RATE, FULL_HZ)
    missing = {name for name, value in scores.items() if np.isnan(value)}
    # a silent estimate has a distance, a silent reference has none
    distances = {"lsd_db", "lsd_above_4k_db", "mcd_db"} if reference else set()
    assert missing == set(registry.CORE) - distances


def test_a_tenth_of_a_second_is_too_short_for_pesq_and_estoi_and_fine_for_the_rest():
    scores = compute_scores(noise(0.1), noise(0.1), RATE, FULL_HZ)
    assert np.isnan([scores["pesq"], scores["estoi"]]).all()
    assert scores["lsd_db"] == scores["mcd_db"] == 0.0


def test_an_unknown_bandwidth_makes_the_distances_missing():
    names = ("si_sdr_db", "lsd_db", "mcd_db")
    scores = compute_scores(noise(), noise(), RATE, np.nan, names)
    assert scores["si_sdr_db"] == np.inf
    assert np.isnan(scores["lsd_db"]) and np.isnan(scores["mcd_db"])


def test_an_unknown_name_is_refused_before_anything_is_computed():
    with pytest.raises(KeyError, match="psq"):
        compute_scores(None, None, RATE, FULL_HZ, names=("pesq", "psq"))
