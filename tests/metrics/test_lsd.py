"""Distances of log spectra that are known beforehand."""

import numpy as np
import pytest
from signals import RATE, low_passed, noise

from lib.metrics.lsd import lsd_db, over_attenuation_db

FULL_HZ = 24_000.0


@pytest.mark.parametrize("gain, expected_db", [(0.5, 6.02), (2.0, 6.02), (0.1, 20.0)])
def test_the_distance_of_a_gain_is_the_gain_in_db(gain, expected_db):
    clean = noise(level=0.5)  # far above the floor, quietest bins and all
    assert lsd_db(gain * clean, clean, RATE, FULL_HZ) == pytest.approx(expected_db, abs=0.01)
    some_bins = lsd_db(gain * clean, clean, RATE, 9000.0, above_hz=4000.0)
    assert some_bins == pytest.approx(expected_db, abs=0.01)


def test_the_distance_of_two_noises_is_that_of_two_chi_square_levels():
    # The level of a bin of noise is 10 log10 of an exponential: its standard deviation is 5.57 dB,
    # that of a difference sqrt 2 times as much.
    assert lsd_db(noise(4), noise(4, seed=1), RATE, FULL_HZ) == pytest.approx(7.88, abs=0.1)


def test_what_lies_above_the_bandwidth_does_not_count():
    clean = low_passed(noise(), 8000, "brick wall")
    # Hann's side lobes fall fast: a distance of 200 Hz hides them
    added = noise(seed=1) - low_passed(noise(seed=1), 8200, "brick wall")
    worse = (clean + added).astype(np.float32)
    assert lsd_db(worse, clean, RATE, 8000.0) < 0.01 < 20 < lsd_db(worse, clean, RATE, FULL_HZ)


def test_above_4_khz_what_lies_below_does_not_count():
    clean = noise()
    worse = (clean + low_passed(noise(seed=1), 3800, "brick wall")).astype(np.float32)
    assert lsd_db(worse, clean, RATE, FULL_HZ, above_hz=4000.0) < 0.01
    assert lsd_db(worse, clean, RATE, FULL_HZ) > 1


def test_a_bandwidth_below_4_khz_leaves_nothing_above_4_khz():
    clean = noise()
    assert lsd_db(0.5 * clean, clean, RATE, 3400.0) == pytest.approx(6.02, abs=0.01)
    assert np.isnan(lsd_db(0.5 * clean, clean, RATE, 3400.0, above_hz=4000.0))


@pytest.mark.parametrize("score", [lsd_db, over_attenuation_db])
def test_an_unknown_bandwidth_and_a_silent_reference_leave_nothing_to_compare(score):
    assert np.isnan(score(noise(), noise(), RATE, np.nan))
    assert np.isnan(score(noise(), 0 * noise(), RATE, FULL_HZ))


def test_differences_90_db_down_are_below_the_floor():
    # full scale in its bins, nothing elsewhere
    tone = np.sin(2 * np.pi * 3000 * np.arange(RATE) / RATE)
    clean, other = ((tone + noise(1, 10 ** (-90 / 20), seed)).astype(np.float32) for seed in (0, 1))
    assert lsd_db(clean, other, RATE, FULL_HZ) < 0.05


def test_silence_is_as_far_from_noise_as_noise_from_the_floor():
    clean = noise(level=0.1)
    # The power of a bin re a full-scale sine is 4 sigma^2 * sum(w^2) / sum(w)^2, and the mean of
    # its level is 2.51 dB lower.
    level_db = 10 * np.log10(4 * 0.01 * 0.375 * 2048 / (0.5 * 2048) ** 2) - 2.51
    distance = lsd_db(np.zeros_like(clean), clean, RATE, FULL_HZ)
    assert distance == pytest.approx(np.hypot(level_db + 80, 5.57), abs=0.1)


@pytest.mark.parametrize("gain_db, missing_db", [(-6.0, 6.0), (6.0, 0.0)])
def test_what_is_missing_is_counted_and_what_is_too_much_is_not(gain_db, missing_db):
    clean = noise()
    score = over_attenuation_db(clean * 10 ** (gain_db / 20), clean, RATE, FULL_HZ)
    assert score == pytest.approx(missing_db, abs=0.01)


@pytest.mark.parametrize("quiet_db, counts", [(-30, True), (-50, False)])
def test_frames_40_db_below_the_loudest_of_the_reference_do_not_count(quiet_db, counts):
    level = np.repeat([0.3, 0.3 * 10 ** (quiet_db / 20)], RATE)
    clean = (noise(level=1.0) * level).astype(np.float32)
    # 40 dB are missing in the quiet second, except where it shares a frame with the loud one
    is_worse = np.arange(2 * RATE) >= RATE + 2048
    worse = np.where(is_worse, 0.01 * clean, clean)
    assert (lsd_db(worse, clean, RATE, FULL_HZ) > 1) == counts
    assert (lsd_db(worse, clean, RATE, FULL_HZ) < 0.01) == (not counts)
