"""A signal follows the loudness of its reference: known gains come back to 0 dB, pauses change nothing, the future neither."""

import numpy as np
import pytest
from signals import RATE, voiced

from lib.inference.loudness import LoudnessMatcher
from lib.metrics.loudness import loudness_lufs


@pytest.fixture(scope="module")
def speech():
    return 3 * np.tile(voiced(5.0, 0), 3)


@pytest.mark.parametrize("gain_db", [-3.0, 1.2, 4.0])
def test_a_gain_is_taken_back_within_seconds(speech, gain_db):
    followed = LoudnessMatcher().push(speech, speech * 10 ** (gain_db / 20))
    late = slice(5 * RATE, None)
    assert loudness_lufs(followed[late], RATE) == pytest.approx(
        loudness_lufs(speech[late], RATE), abs=0.1
    )
    assert loudness_lufs(followed, RATE) == pytest.approx(loudness_lufs(speech, RATE), abs=0.25)


def test_what_is_as_loud_is_left_alone_and_a_gain_has_its_limit(speech):
    np.testing.assert_allclose(LoudnessMatcher().push(speech, -speech), -speech, rtol=1e-6)
    followed = LoudnessMatcher().push(speech, 10 * speech)
    assert loudness_lufs(followed[-5 * RATE :], RATE) - loudness_lufs(
        speech[-5 * RATE :], RATE
    ) == pytest.approx(14, abs=0.1)


def test_noise_in_a_long_pause_does_not_move_the_gain(speech):
    noise = 1e-4 * np.random.default_rng(0).standard_normal(30 * RATE)
    reference = np.concatenate([speech, noise, speech])
    follower = LoudnessMatcher()
    follower.push(speech, 1.3 * speech)
    before = follower.gain
    follower.push(noise, 4 * noise)
    assert follower.gain == before
    assert np.isfinite(LoudnessMatcher().push(np.zeros_like(reference), reference)).all()


def test_chunks_change_nothing_and_the_future_does_not_change_the_past(speech):
    louder = (1.5 * speech).astype(np.float32)
    whole, follower, hop = LoudnessMatcher().push(speech, louder), LoudnessMatcher(), 480
    parts = [
        follower.push(speech[i : i + 7 * hop], louder[i : i + 7 * hop])
        for i in range(0, len(speech), 7 * hop)
    ]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-7)
    np.testing.assert_array_equal(
        LoudnessMatcher().push(speech[: 100 * hop], louder[: 100 * hop]), whole[: 100 * hop]
    )
