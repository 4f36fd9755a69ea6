"""Levels in pauses that are known beforehand."""

import numpy as np
import pytest
from signals import RATE, noise

from lib.metrics.pauses import pause_level_db


def test_the_level_in_pauses_is_that_of_the_noise_there():
    # speech in two of four seconds, at -20 dB, and noise 40 dB below
    speech = noise(4, 0.1) * (np.arange(4 * RATE) // RATE % 2 == 0)
    added = noise(4, 0.001, seed=1)
    assert pause_level_db(speech + added, speech, RATE) == pytest.approx(-40.0, abs=0.2)
    # frames at the edges hold a little speech
    assert pause_level_db(speech, speech, RATE) < -60


def test_digital_silence_in_pauses_is_100_db_down():
    speech = noise(2) * (np.arange(2 * RATE) < RATE)
    assert pause_level_db(0 * speech, speech, RATE) == -100.0


def test_without_a_pause_or_without_speech_there_is_no_level():
    assert np.isnan(pause_level_db(noise(), noise(), RATE))
    assert np.isnan(pause_level_db(noise(), 0 * noise(), RATE))
