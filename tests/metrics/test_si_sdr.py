"""Signal-to-distortion ratios that are known beforehand."""

import numpy as np
import pytest
from signals import RATE, noise

from lib.metrics.si_sdr import si_sdr_db


def test_noise_20_db_down_has_an_si_sdr_of_20_db_at_any_gain():
    clean = noise(5)
    noisy = clean + 0.1 * noise(5, seed=1)
    score = si_sdr_db(noisy, clean)
    assert score == pytest.approx(20.0, abs=0.1)
    assert si_sdr_db(0.01 * noisy, clean) == pytest.approx(score, abs=1e-3)
    assert si_sdr_db(-noisy, clean) == pytest.approx(score, abs=1e-3)


def test_an_orthogonal_error_of_equal_power_is_0_db_and_no_error_is_infinite():
    t = np.arange(RATE) / RATE
    sine, cosine = np.sin(2 * np.pi * 440 * t), np.cos(2 * np.pi * 440 * t)
    assert si_sdr_db(sine + cosine, sine) == pytest.approx(0.0, abs=1e-6)
    assert si_sdr_db(sine, sine) == np.inf


def test_silence_has_no_ratio():
    assert np.isnan(si_sdr_db(0 * noise(), noise())) and np.isnan(si_sdr_db(noise(), 0 * noise()))
