"""The table of judges: its arithmetic, and that it has all judges."""

import numpy as np
import pytest
from metrics import judges
from signals import noise, speech_like

from lib.corpus import mix
from lib.metrics import registry


def test_all_of_the_jury_is_in_the_table():
    others = {*registry.LSD_BANDS, "dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "plcmos", "pesq"}
    assert {*registry.JURY, *others, "colour_db"} == {*judges.JUDGES}


def test_agreement_is_that_within_items():
    """Items lie far apart, and one falls where the other rises."""
    levels = [[1, 2, 3, 4]] * 2
    assert judges.agreement(levels, [[1, 2, 3, 4], [101, 102, 103, 104]]) == pytest.approx(1.0)
    assert judges.agreement(levels, [[1, 2, 3, 4], [4, 3, 2, 1]]) == pytest.approx(0.0)
    # One swap of neighbours among four: 1 - 6 * 2 / (4 * 15).
    assert judges.agreement(levels[:1], [[1, 3, 2, 4]]) == pytest.approx(0.8)


def test_agreement_leaves_out_what_says_nothing():
    levels = [[1, 2, 3]] * 3
    values = [[1.0, 1.0 + 1e-5, 1.0], [np.nan, 1.0, 2.0], [1.0, 2.0, 3.0]]
    assert judges.agreement(levels, values) == pytest.approx(1.0)
    assert np.isnan(judges.agreement(levels[:2], values[:2]))


@pytest.mark.parametrize("snr_db", [-5.0, 20.0])
def test_noise_gets_the_asked_snr_and_clean_keeps_its_level(snr_db):
    clean, hiss = speech_like(1), noise(1, 0.01)
    mixed = judges.at_snr(clean, hiss, snr_db)
    assert mix.snr_db(clean, mixed - clean) == pytest.approx(snr_db, abs=0.01)


def test_wheels_hold_weights_and_name_a_licence():
    assert judges.licence("numpy").startswith("BSD")
    for judge in judges.JUDGES.values():
        if judge.package not in (judges.OURS, "pesq"):
            assert judges.weights(judge.package, judge.folder), judge.package
            assert judges.licence(judge.package), judge.package
    (_, largest), *_ = judges.weights("Resemblyzer")
    assert largest > 10_000_000
