"""A pair that a score cannot compare is refused with what was found."""

import numpy as np
import pytest
from signals import RATE, noise, voiced

from lib.config.fields import MIN_ITEM_S
from lib.metrics import registry
from lib.metrics.checks import MIN_DURATION_S, check_pair
from lib.metrics.lsd import lsd_db
from lib.metrics.pesq import pesq_wb
from lib.metrics.si_sdr import si_sdr_db


@pytest.mark.parametrize("rate", [None, 48_000])
def test_two_signals_of_one_length_pass(rate):
    check_pair(np.zeros(10), np.zeros(10), rate)


def test_two_lengths_are_refused_with_both():
    for score in (si_sdr_db, lambda *pair: pesq_wb(*pair, RATE)):
        with pytest.raises(ValueError, match=r"\(96000,\).*\(48000,\)"):
            score(noise(2), noise(1))


def test_two_channels_are_refused_with_their_shape():
    with pytest.raises(ValueError, match=r"\(2, 10\)"):
        check_pair(np.zeros((2, 10)), np.zeros((2, 10)))


def test_another_sample_rate_is_refused_with_both_rates():
    with pytest.raises(ValueError, match=r"16000.*48000"):
        lsd_db(noise(), noise(), 16_000, 8000.0)


@pytest.mark.filterwarnings("ignore")  # of librosa and scipy: a signal is shorter than a window
@pytest.mark.parametrize("n_samples", [7, 480, 481, 4_800, 19_199, 19_200])
def test_no_score_fails_however_short_a_pair_is(n_samples):
    clean = voiced(0.6)[4_800:][:n_samples]
    estimate = clean + noise(0.5, 0.01)[:n_samples]
    names = [name for name in registry.ALL if name not in registry.JURY[:-1]]
    scores = registry.compute_scores(estimate, clean, RATE, 24_000.0, names)
    assert list(scores) == names and np.isfinite(scores["si_sdr_db"])
    has_loudness = n_samples >= MIN_DURATION_S * RATE
    assert np.isfinite(scores["loudness_difference_lu"]) == has_loudness


def test_the_shortest_item_of_a_corpus_is_the_shortest_signal_that_has_scores():
    assert MIN_DURATION_S == MIN_ITEM_S
