"""The direct path and the decay of impulse responses whose values are known."""

import numpy as np
import pyroomacoustics
import pytest

from lib.corpus.impulse_responses import direct_path, t60

RATE = 48_000


def decaying_noise(seconds):
    t = np.arange(RATE) / RATE
    return np.random.default_rng(0).standard_normal(RATE) * 10 ** (-3 * t / seconds)


@pytest.mark.parametrize("seconds", [0.2, 0.5])
def test_t60_of_decaying_noise_is_its_decay_time(seconds):
    assert t60(decaying_noise(seconds), RATE) == pytest.approx(seconds, rel=0.03)


@pytest.mark.parametrize("seconds", [0.2, 0.5])
def test_t60_of_a_straight_decay_is_that_of_pyroomacoustics(seconds):
    response = decaying_noise(seconds)
    reference = pyroomacoustics.experimental.measure_rt60(response, RATE, decay_db=30)
    assert t60(response, RATE) == pytest.approx(reference, rel=0.03)


@pytest.mark.parametrize(
    "response",
    [np.ones(1_000), np.zeros(1_000), decaying_noise(0.5)[:100]],
    ids=["constant", "silent", "cut off"],
)
def test_a_response_that_does_not_decay_by_35_db_has_no_t60(response):
    assert np.isnan(t60(response, RATE))


def test_a_single_impulse_decays_at_once():
    assert t60(np.eye(1, 100)[0], RATE) == 0


def test_the_direct_path_comes_before_a_louder_reflection():
    rir = np.zeros(1_000)
    rir[[100, 400]] = -0.6, 1.0
    response, n_before = direct_path(rir)
    assert n_before == 100 and response[0] == 1
    assert response[300] == pytest.approx(-1 / 0.6)


def test_a_silent_response_is_refused():
    with pytest.raises(ValueError, match="the impulse response is silent"):
        direct_path(np.zeros(10))
