"""Formants move; pitch, length, silence and the edge of a band stay."""

import numpy as np
import pytest
import scipy.signal
from signals import RATE

from lib.audio.bandwidth import bandwidth_hz
from lib.audio.files import resample
from lib.corpus import formants

FORMANTS = {500: 80, 1_500: 120, 2_500: 160}  # Hz -> bandwidth in Hz
F0 = 120  # Hz
HARMONICS_HZ = np.arange(2 * F0, 3_200, F0)


def vowel(factor=1.0):
    """Two seconds of pulses through three resonators at `factor` times these frequencies."""
    signal = np.zeros(2 * RATE)
    signal[:: RATE // F0] = 1
    for hz, width_hz in FORMANTS.items():
        radius = np.exp(-np.pi * width_hz * factor / RATE)
        poles = [1, -2 * radius * np.cos(2 * np.pi * hz * factor / RATE), radius**2]
        signal = scipy.signal.lfilter([sum(poles)], poles, signal)
    return 0.5 * signal / np.abs(signal).max()


def spectrum(signal):
    """Amplitudes of the middle second, one for each Hz."""
    middle = signal[RATE // 2 : 3 * RATE // 2] * np.blackman(RATE)
    return np.abs(np.fft.rfft(middle))


def error_db(signal, factor):
    """How far the harmonics are from those of `vowel(factor)`; an equal gain of all is none."""
    ratio = spectrum(signal)[HARMONICS_HZ] / spectrum(vowel(factor))[HARMONICS_HZ]
    return np.std(20 * np.log10(ratio))


def test_a_factor_of_one_changes_nothing():
    signal = vowel()
    assert formants.shift(signal, 1.0) is signal
    np.testing.assert_allclose(formants.shift(signal, 1 + 1e-12), signal, atol=1e-6)
    single = signal.astype(np.float32)
    np.testing.assert_allclose(formants.shift(single, 1 + 1e-12), single, atol=1e-6)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_the_formants_of_a_vowel_move_by_the_factor(factor):
    shifted = formants.shift(vowel(), factor)
    assert error_db(shifted, factor) < 1.5 < 5 < error_db(vowel(), factor)
    nearest = min(np.arange(0.8, 1.21, 0.01), key=lambda other: error_db(shifted, other))
    assert nearest == pytest.approx(factor, abs=0.015)


def test_harmonics_stay_where_they_are():
    amplitudes = spectrum(formants.shift(vowel(), 1.1))
    assert amplitudes[HARMONICS_HZ + F0 // 2].max() < 1e-3 * amplitudes[HARMONICS_HZ].min()


def test_the_length_stays_and_silence_is_silence():
    for length in (1, 511, 512, 48_001):
        signal = np.random.default_rng(length).standard_normal(length)
        assert len(formants.shift(signal, 1.1)) == length
    assert not formants.shift(np.zeros(4_800), 0.8).any()


def test_an_impulse_stays_in_its_place():
    signal = np.zeros(48_000)
    signal[24_000] = 1
    assert np.argmax(np.abs(formants.shift(signal, 1.15))) == 24_000


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_the_edge_of_a_band_stays(factor):
    noise = np.random.default_rng(0).standard_normal(2 * RATE)
    narrow = resample(noise, 16_000, RATE)
    edge_hz = bandwidth_hz(formants.shift(narrow, factor), RATE)
    assert edge_hz == pytest.approx(bandwidth_hz(narrow, RATE), rel=0.01)
