"""Each band has its gain at its place and none far from it."""

import numpy as np
import pytest
from signals import RATE

from lib.corpus import equaliser


def gains_db(text, *hz):
    impulse = np.zeros(RATE)
    impulse[0] = 1.0
    response = np.abs(np.fft.rfft(equaliser.equalise(impulse, text)))  # a bin for each Hz
    return 20 * np.log10(response[list(hz)])


@pytest.mark.parametrize("gain_db", [-6.0, 3.0])
def test_a_peak_and_shelves_have_their_gains(gain_db):
    np.testing.assert_allclose(
        gains_db(f"peak 1000 {gain_db:+.1f}", 20, 1_000, 20_000), [0, gain_db, 0], atol=0.1
    )
    np.testing.assert_allclose(
        gains_db(f"lowshelf 300 {gain_db:+.1f}", 10, 300, 10_000),
        [gain_db, gain_db / 2, 0],
        atol=0.1,
    )
    np.testing.assert_allclose(
        gains_db(f"highshelf 5000 {gain_db:+.1f}", 50, 5_000, 23_000),
        [0, gain_db / 2, gain_db],
        atol=0.1,
    )


def test_bands_add_up_and_an_empty_equaliser_changes_nothing():
    both = gains_db("peak 1000 +3.0; highshelf 8000 -2.0", 1_000, 22_000)
    np.testing.assert_allclose(both, [3.0, -2.0], atol=0.2)
    signal = np.ones(10, np.float32)
    assert equaliser.equalise(signal, "") is signal
    assert equaliser.equalise(signal, "peak 1000 +3.0").dtype == np.float32


def test_what_is_drawn_is_within_its_ranges():
    rng = np.random.default_rng(0)
    drawn = [equaliser.draw(rng.random(equaliser.N_NUMBERS)) for _ in range(400)]
    bands = [band.split() for text in drawn for band in text.split("; ")]
    assert 1.4 < len(bands) / 400 < 1.6
    for kind in equaliser.KINDS:
        hz = [int(band[1]) for band in bands if band[0] == kind]
        low, high = equaliser.RANGES_HZ[kind]
        assert len(hz) > 150 and low <= min(hz) < 1.2 * low and 0.8 * high < max(hz) <= high
    gains = [float(band[2]) for band in bands]
    assert -6 <= min(gains) < -5.8 and 5.8 < max(gains) <= 6
