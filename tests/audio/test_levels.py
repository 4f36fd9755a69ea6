"""Levels and clipping of signals whose values are known beforehand."""

import numpy as np
import pytest
from signals import RATE, noise

from lib.audio import levels


@pytest.mark.parametrize("amplitude, expected_db", [(1.0, 0.0), (0.5, -6.02), (0.001, -60.0)])
def test_a_sine_has_the_level_of_its_amplitude(amplitude, expected_db):
    tone = amplitude * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    assert levels.level_db(tone) == pytest.approx(expected_db, abs=0.01)


def test_silence_and_no_samples_have_no_level():
    assert levels.level_db(np.zeros(480)) == levels.level_db(np.zeros(0)) == -np.inf


def test_signals_within_full_scale_stay_as_they_are():
    signals = {"clean": noise(0.1), "restored": np.array([1.0, -1.0])}
    assert levels.within_full_scale(signals) is signals


def test_signals_beyond_full_scale_are_all_turned_down_alike():
    quiet = levels.within_full_scale({"clean": np.array([0.5, -0.25]), "restored": np.array([-4])})
    assert quiet["restored"] == pytest.approx([-levels.MAX_PEAK])
    assert quiet["clean"] == pytest.approx([levels.MAX_PEAK / 8, -levels.MAX_PEAK / 16])


def test_samples_in_flat_tops_of_three_or_more_are_counted():
    signal = np.array([0, 1, 1, 1, 1, 0, 0.5, 1, 1, 0, -1, -1, -1, 0, 0.2, 0])
    assert levels.clipped_share(signal) == 7 / 16


def test_clipped_noise_has_a_share_and_noise_has_none():
    assert levels.clipped_share(noise()) == 0.0
    # 32 % of the samples lie beyond one standard deviation; of these, few in rows of three
    clipped = np.clip(np.convolve(noise(), np.ones(32), "same"), -0.5, 0.5)
    beyond = np.mean(np.abs(clipped) == 0.5)
    assert 0.9 * beyond < levels.clipped_share(clipped) <= beyond
