"""Phones: none wrong in the same signal, more of them in more noise, whatever was heard before."""

import numpy as np
import pytest
from signals import RATE, noise

from lib.metrics.phones import edit_distance, phone_error


def test_the_same_signal_has_no_wrong_phone_and_noise_makes_more_of_them(spoken):
    hiss = noise(20)
    errors = [
        np.mean([phone_error(x + level * hiss[: len(x)], x, RATE) for x in spoken])
        for level in (0.0, 0.05, 0.5)
    ]
    assert errors[0] == 0.0 and 0.0 < errors[1] < errors[2]


def test_the_score_does_not_depend_on_what_was_heard_before(spoken):
    hiss = 0.1 * noise(20)
    pairs = [(x + hiss[: len(x)], x) for x in spoken]
    forwards = [phone_error(*pair, RATE) for pair in pairs]
    # other samples in between, so that nothing is read from a cache
    assert [phone_error(*pair, RATE) for pair in reversed(pairs)] == forwards[::-1]


def test_many_phones_where_the_reference_has_few_are_all_wrong_and_no_more(spoken):
    """The first quarter of a second of an utterance, then silence, beside all of it."""
    beginning = np.where(np.arange(len(spoken[0])) < RATE // 4, spoken[0], 0)
    assert 0.5 < phone_error(spoken[0], beginning, RATE) <= 1.0


@pytest.mark.parametrize(
    "ours, theirs, edits", [("", "abc", 3), ("abc", "abc", 0), ("abc", "axc", 1), ("ab", "xab", 1)]
)
def test_edits_are_insertions_deletions_and_substitutions(ours, theirs, edits):
    assert edit_distance(ours, theirs) == edits


def test_silence_has_no_phones():
    assert np.isnan(phone_error(noise(1), np.zeros(RATE), RATE))
