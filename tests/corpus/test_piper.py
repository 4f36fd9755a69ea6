"""piper speaks sentences: each its own, the same each time, at speeds that differ."""

import numpy as np
import pytest

from lib.corpus import piper
from lib.corpus.piper import LENGTH_SCALES, N_CORPUS, SENTENCES, speak


def test_sentences_are_distinct_and_of_5_to_14_words():
    assert len(set(SENTENCES)) == len(SENTENCES) == N_CORPUS + 16
    assert {len(sentence.split()) for sentence in SENTENCES} <= set(range(5, 15))


@pytest.fixture(scope="module")
def spoken():
    return list(speak([1, 4, 0]))


def test_each_number_is_spoken_once_and_one_speed_after_the_other(spoken):
    assert [sentence.number for sentence in spoken] == [4, 0, 1]  # the fast ones first
    assert {sentence.sample_rate for sentence in spoken} == {22_050}


def test_a_sentence_has_the_same_samples_each_time_and_is_longer_at_a_larger_scale(
    spoken, tmp_path
):
    sentences = [SENTENCES[1], SENTENCES[0]]
    (again, _), (slow, _) = piper._piper(sentences, LENGTH_SCALES[1], tmp_path)
    np.testing.assert_array_equal(again, spoken[2].signal)
    assert len(slow) > 1.05 * len(spoken[1].signal)  # at a scale of 1.0, not 0.85


def test_a_failing_piper_is_an_error_with_its_last_line(tmp_path):
    with pytest.raises(RuntimeError, match="piper ended with"):
        list(piper._piper(["Hello."], "slow", tmp_path))


def test_no_sentence_needs_no_piper(monkeypatch):
    monkeypatch.setattr(piper.importlib.util, "find_spec", lambda name: None)
    assert list(speak([])) == []
