"""Colour: a gain of a band is found there, in dB; a change of level is one of all bands."""

import numpy as np
import pytest
from scipy.signal import firwin2, oaconvolve
from signals import RATE, noise

from lib.metrics.colour import band_changes_db, band_edges_hz, colour_db

NOISE = noise(4)


def test_a_peak_of_6_db_at_1_khz_is_a_colour_of_6_db_there():
    hz = [0, 700, 850, 1150, 1300, RATE / 2]
    taps = firwin2(4001, hz, 10 ** (np.array([0, 0, 6, 6, 0, 0]) / 20), fs=RATE)
    coloured = oaconvolve(NOISE, taps, "same").astype(np.float32)
    changes_db = band_changes_db(coloured, NOISE, RATE, 24_000)
    middles_hz, _ = band_edges_hz(RATE)
    assert middles_hz[np.argmax(changes_db)] == pytest.approx(1000, rel=0.12)
    assert colour_db(coloured, NOISE, RATE, 24_000) == pytest.approx(6.0, abs=0.2)


@pytest.mark.parametrize("gain_db", [-3.0, 0.0, 6.0])
def test_a_gain_changes_all_bands_alike(gain_db):
    changes_db = band_changes_db(10 ** (gain_db / 20) * NOISE, NOISE, RATE, 24_000)
    assert changes_db == pytest.approx(np.full(32, gain_db), abs=1e-3)
    assert colour_db(10 ** (gain_db / 20) * NOISE, NOISE, RATE, 24_000) == pytest.approx(
        abs(gain_db), abs=1e-3
    )


def test_bands_above_the_bandwidth_do_not_count():
    _, upper_hz = band_edges_hz(RATE)
    changes_db = band_changes_db(2 * NOISE, NOISE, RATE, 8_000)
    assert (np.isfinite(changes_db) == (upper_hz <= 8_008)).all()


def test_a_silent_reference_has_no_colour():
    assert np.isnan(colour_db(NOISE, 0 * NOISE, RATE, 24_000))
