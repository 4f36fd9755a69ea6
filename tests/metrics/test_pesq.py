"""PESQ: its ends, and what it does not notice."""

import numpy as np
import pytest
from signals import RATE, low_passed, noise, speech_like

from lib.metrics.pesq import pesq_wb


def test_the_reference_itself_scores_the_highest_value():
    assert pesq_wb(speech_like(), speech_like(), RATE) == pytest.approx(4.6439, abs=1e-4)


def test_pesq_falls_with_more_noise_within_its_range():
    clean = speech_like()
    scores = [pesq_wb(clean + noise(3, level), clean, RATE) for level in (0.001, 0.02, 0.1)]
    assert 4.65 > scores[0] > scores[1] > scores[2] > 1.0


def test_pesq_notices_neither_a_gain_nor_what_lies_above_8_khz():
    clean = speech_like()
    estimate = clean + noise(3, 0.002, seed=1)
    score = pesq_wb(estimate, clean, RATE)
    assert pesq_wb(0.25 * estimate, clean, RATE) == pytest.approx(score, abs=0.01)
    hiss = (noise(3) - low_passed(noise(3), 9000, "brick wall")).astype(np.float32)
    assert pesq_wb(estimate + hiss, clean, RATE) == pytest.approx(score, abs=0.01)


def test_silence_and_a_tenth_of_a_second_have_no_score():
    clean = speech_like(1)
    assert np.isnan(pesq_wb(0 * clean, clean, RATE)) and np.isnan(pesq_wb(clean, 0 * clean, RATE))
    assert np.isnan(pesq_wb(noise(0.1), noise(0.1), RATE))
