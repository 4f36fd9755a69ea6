"""Speaker similarity: the package's embeddings, 1 for one signal, lower for another voice."""

import importlib.util

import numpy as np
import pytest
from signals import RATE, noise, speech_like, voiced

from lib.audio import files
from lib.metrics.speaker_similarity import embed, speaker_similarity


def test_a_voice_is_itself_at_any_level_and_less_so_in_noise(spoken):
    same = speaker_similarity(0.1 * spoken[0], spoken[0], RATE)
    noisy = speaker_similarity(spoken[0] + noise(20, 0.2)[: len(spoken[0])], spoken[0], RATE)
    assert same == pytest.approx(1.0, abs=1e-3) and noisy < 0.9


def test_another_sentence_of_one_voice_is_nearer_than_another_voice(spoken):
    n_samples = min(map(len, spoken[:2]))
    first, second = (signal[:n_samples] for signal in spoken[:2])
    other = voiced(n_samples / RATE)[:n_samples]
    assert speaker_similarity(second, first, RATE) > speaker_similarity(other, first, RATE) + 0.1


@pytest.mark.skipif(importlib.util.find_spec("pkg_resources") is None, reason="needs setuptools")
@pytest.mark.parametrize("seconds", [1.0, 1.6, 3.0, 5.3])
def test_an_embedding_equals_the_package_s_own(seconds):
    from resemblyzer import VoiceEncoder

    samples = files.resample(speech_like(seconds), RATE, 16_000)
    expected = VoiceEncoder("cpu", verbose=False).embed_utterance(samples)
    assert np.abs(embed(samples) - expected).max() < 1e-6


def test_silence_has_no_speaker():
    assert np.isnan(speaker_similarity(np.zeros(RATE), noise(1), RATE))
