"""The lag of a pair is found to the sample, and unrelated signals are not believed."""

import numpy as np
import pytest

from lib import align


def shifted(signal, lag):
    return np.concatenate([np.zeros(max(lag, 0)), signal, np.zeros(max(-lag, 0))])[max(-lag, 0) :][: len(signal)]


@pytest.mark.parametrize("lag", [-2_000, -1, 0, 1, 480, 1_440])
def test_a_delay_is_found_to_the_sample_in_noise_and_at_any_gain(lag):
    rng = np.random.default_rng(1)
    voice = np.convolve(rng.standard_normal(96_000), np.hanning(32), "same")  # coloured, as speech is
    heard = 0.01 * (shifted(voice, lag) + 0.5 * voice.std() * rng.standard_normal(96_000))
    found = align.lag(heard, voice)
    assert found.samples == lag
    assert found.confidence > align.CONFIDENT


def test_unrelated_signals_are_not_believed():
    rng = np.random.default_rng(2)
    sure = [align.lag(rng.standard_normal(48_000), rng.standard_normal(48_000)).confidence for _ in range(20)]
    assert max(sure) < align.CONFIDENT
