"""The systems with a known fate do what their names say."""

import numpy as np
import pytest
from evaluation import oracles
from signals import RATE, voiced

from lib.metrics.lsd import lsd_db

CLEAN = voiced(2.0)


def emptied() -> np.ndarray:
    """Clean without its bins between 1 and 3 kHz, and with faint hiss."""
    spectrum = np.fft.rfft(CLEAN)
    hz = np.fft.rfftfreq(len(CLEAN), 1 / RATE)
    spectrum[(hz > 1_000) & (hz < 3_000)] *= 0.03
    hiss = 1e-4 * np.random.default_rng(0).standard_normal(len(CLEAN))
    return (np.fft.irfft(spectrum, len(CLEAN)) + hiss).astype(np.float32)


def test_filling_dominant_bins_lowers_the_lsd():
    enhanced = emptied()
    filled = oracles.fill_dominant(enhanced, CLEAN)
    assert len(filled) == len(enhanced) and filled.dtype == np.float32
    before, after = (lsd_db(x, CLEAN, RATE, 24_000) for x in (enhanced, filled))
    assert before > 3.0 and after < 0.8 * before


def test_where_no_bin_is_dominant_nothing_changes():
    """A tone at 500 Hz is all that is dominant: enhanced lacks it, and has another at 8 kHz."""
    t = np.arange(RATE) / RATE
    low, high = 0.1 * np.sin(2 * np.pi * 500 * t), 0.01 * np.sin(2 * np.pi * 8_000 * t)
    filled = oracles.fill_dominant(0.1 * low + high, low)
    before, after, clean = (np.abs(oracles.spectrum(x)) for x in (0.1 * low + high, filled, low))
    others = ~oracles.dominant(oracles.spectrum(low))
    others[:30] = False  # the bins beside the tone get its leakage
    inner = slice(8, -8)  # frames wholly inside the signal
    np.testing.assert_allclose(after[100:, inner], before[100:, inner], atol=1e-6)
    assert others[100:].all()
    assert after[10, inner] == pytest.approx(clean[10, inner], rel=0.01)


def test_a_signal_that_lacks_nothing_stays_as_it_is():
    np.testing.assert_allclose(oracles.fill_dominant(CLEAN, CLEAN), CLEAN, atol=1e-6)


def test_dominant_bins_are_near_their_peak_in_frames_near_the_loudest():
    spectra = np.array([[1.0, 0.005, 0.05], [0.04, 0.005, 0.05], [0.02, 0.001, 0.001]])
    expected = [[True, False, True], [True, False, True], [False, False, False]]
    assert oracles.dominant(spectra).tolist() == expected


def test_identity_is_enhanced_and_noisy_is_mixed_in():
    rng = np.random.default_rng(0)
    pair = {"clean": CLEAN, "enhanced": emptied()}
    pair["noisy"] = (CLEAN + 0.01 * rng.standard_normal(len(CLEAN))).astype(np.float32)
    made = oracles.systems(pair)
    assert set(made) == set(oracles.SYSTEMS)
    assert made["identity"] is pair["enhanced"]
    share = 10 ** (-15 / 20)
    expected = (1 - share) * pair["enhanced"] + share * pair["noisy"]
    np.testing.assert_allclose(made["noisy at -15 dB"], expected, atol=1e-6)
