"""Loudness of signals whose value the standard names."""

import numpy as np
import pytest
from signals import RATE, vowel

from lib.metrics.loudness import loudness_difference_lu, loudness_lufs


def test_a_full_scale_tone_of_997_hz_has_the_loudness_of_the_standard():
    tone = np.sin(2 * np.pi * 997 * np.arange(RATE) / RATE)
    assert loudness_lufs(tone, RATE) == pytest.approx(-3.01, abs=0.1)
    assert loudness_lufs(0.1 * tone, RATE) == pytest.approx(-23.01, abs=0.1)


@pytest.mark.parametrize("gain_db", [-6.0, 3.0])
def test_a_gain_is_so_many_units_of_loudness(gain_db):
    gained = vowel(150) * 10 ** (gain_db / 20)
    assert loudness_difference_lu(gained, vowel(150), RATE) == pytest.approx(abs(gain_db), abs=0.01)


@pytest.mark.parametrize("signal", [np.zeros(RATE), np.ones(100)], ids=["silence", "2 ms"])
def test_silence_and_2_ms_have_no_loudness(signal):
    assert np.isnan(loudness_lufs(signal, RATE))
