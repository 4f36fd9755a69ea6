"""A signal gets the loudness of its reference: gains are undone, pauses change nothing."""

import numpy as np
import pytest
from signals import RATE, voiced

from lib.inference.loudness import LoudnessMatcher
from lib.inference.weighting import K_WEIGHTING
from lib.metrics.loudness import loudness_lufs

HOP = 480


@pytest.fixture(scope="module")
def speech():
    return 3 * np.tile(voiced(5.0, 0), 3)


@pytest.mark.parametrize("hz, gain_db", [(38.1, -6.0), (997, 0.7), (10_000, 4.0)])
def test_the_k_weighting_has_the_gains_of_bs_1770(hz, gain_db):
    z = np.exp(-2j * np.pi * hz / RATE * np.arange(3))
    response = np.prod([(section[:3] @ z) / (section[3:] @ z) for section in K_WEIGHTING])
    assert 20 * np.log10(abs(response)) == pytest.approx(gain_db, abs=0.1)


@pytest.mark.parametrize("gain_db", [-3.0, 1.2, 4.0])
def test_a_gain_is_taken_back_within_seconds(speech, gain_db):
    matched = LoudnessMatcher().push(speech, speech * 10 ** (gain_db / 20))
    late = slice(5 * RATE, None)
    assert loudness_lufs(matched[late], RATE) == pytest.approx(
        loudness_lufs(speech[late], RATE), abs=0.1
    )
    assert loudness_lufs(matched, RATE) == pytest.approx(loudness_lufs(speech, RATE), abs=0.25)


def test_an_equally_loud_signal_is_left_alone_and_a_gain_has_its_limit(speech):
    np.testing.assert_allclose(LoudnessMatcher().push(speech, -speech), -speech, rtol=1e-6)
    matched = LoudnessMatcher().push(speech, 10 * speech)
    late = slice(-5 * RATE, None)
    difference = loudness_lufs(matched[late], RATE) - loudness_lufs(speech[late], RATE)
    assert difference == pytest.approx(20 - 6, abs=0.1)


def test_noise_in_a_long_pause_does_not_move_the_gain(speech):
    noise = 1e-4 * np.random.default_rng(0).standard_normal(30 * RATE)
    reference = np.concatenate([speech, noise, speech])
    matcher = LoudnessMatcher()
    matcher.push(speech, 1.3 * speech)
    before = matcher.gain
    matcher.push(noise, 4 * noise)
    assert matcher.gain == before
    assert np.isfinite(LoudnessMatcher().push(np.zeros_like(reference), reference)).all()


def test_chunks_change_nothing_and_the_future_does_not_change_the_past(speech):
    louder = (1.5 * speech).astype(np.float32)
    whole, matcher = LoudnessMatcher().push(speech, louder), LoudnessMatcher()
    chunks = [slice(i, i + 7 * HOP) for i in range(0, len(speech), 7 * HOP)]
    parts = [matcher.push(speech[chunk], louder[chunk]) for chunk in chunks]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-7)
    past = slice(0, 100 * HOP)
    np.testing.assert_array_equal(LoudnessMatcher().push(speech[past], louder[past]), whole[past])
