"""Intelligibility: its ends, and that it depends on nothing but the signals."""

import numpy as np
import pytest
from signals import RATE, noise, speech_like

from lib.metrics.estoi import estoi


def test_the_reference_itself_is_fully_intelligible_and_noise_is_not():
    clean = speech_like(2)
    assert estoi(0.1 * clean, clean, RATE) == pytest.approx(1.0, abs=1e-4)
    assert abs(estoi(noise(2), clean, RATE)) < 0.2


def test_silence_and_a_tenth_of_a_second_have_no_intelligibility():
    clean = speech_like(1)
    assert np.isnan(estoi(0 * clean, clean, RATE)) and np.isnan(estoi(clean, 0 * clean, RATE))
    assert np.isnan(estoi(noise(0.1), noise(0.1), RATE))


def test_estoi_leaves_the_global_random_numbers_alone_and_does_not_depend_on_them():
    clean, results = speech_like(2), []
    # digital silence: the dither of pystoi decides there
    gated = np.where(np.arange(len(clean)) < RATE, clean, 0)
    for seed in (1, 2):
        np.random.seed(seed)
        expected = np.random.RandomState(seed).uniform()
        results.append(estoi(gated, clean, RATE))
        assert np.random.uniform() == expected
    assert results[0] == results[1]
