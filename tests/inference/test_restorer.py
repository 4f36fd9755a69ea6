"""The restorer: channels and batches change nothing, loudness is kept, other inputs are refused."""

import os
from pathlib import Path

import numpy as np
import pytest
from signals import RATE, speech_like, voiced

from lib.audio import files
from lib.inference.restorer import Restorer, load_generator, restore_signal
from lib.metrics.loudness import loudness_lufs
from lib.models.pretrained import WEIGHTS, load_weights


@pytest.fixture(scope="module")
def restorer():
    return Restorer.load()


def test_each_channel_is_restored_as_if_it_were_alone(restorer):
    left, right = voiced(1.5, 0), voiced(1.5, 1)
    stereo = restorer(np.stack([left, right], axis=1), RATE)
    alone = np.stack([restorer(left, RATE), restorer(right, RATE)], axis=1)
    assert np.abs(stereo - alone).max() < 1e-5


def test_signals_in_a_batch_do_not_change_each_other(restorer):
    signals = [voiced(0.5 + 0.3 * i, i) for i in range(5)]
    for restored, signal in zip(restorer.restore_batch(signals), signals, strict=True):
        assert len(restored) == len(signal)
        assert np.abs(restored - restorer(signal, RATE)).max() < 1e-5


@pytest.mark.parametrize("already_enhanced", [False, True])
def test_quiet_speech_is_restored_as_at_a_normal_level(restorer, already_enhanced):
    # The loudest part is at -40 dB and below, and is heard at -25 dB.
    speech = 0.1 * speech_like(2.0)
    expected = restorer(speech, RATE, already_enhanced=already_enhanced)
    for gain in (0.1, 0.03):
        restored = restorer(gain * speech, RATE, already_enhanced=already_enhanced) / gain
        error = np.std(restored - expected) / np.std(expected)
        assert error < 0.01


@pytest.mark.parametrize(
    "signal, message",
    [
        (np.zeros(480, np.int16), "samples are int16, expected floating point"),
        (np.zeros((2, 480)), r"expected a recording \[T\] or \[T, channels\]"),
        (np.zeros(0), r"got \(0,\)"),
        (np.full(480, np.nan), "NaN or infinite"),
    ],
    ids=["integers", "channels first", "empty", "NaN"],
)
def test_a_signal_of_another_kind_is_refused(restorer, signal, message):
    with pytest.raises(ValueError, match=message):
        restorer(signal, RATE)


def test_half_the_mix_is_half_of_each(restorer):
    signal = voiced(1.0, 0)
    expected = 0.5 * (restorer(signal, RATE) + signal)
    assert np.abs(restorer(signal, RATE, mix=0.5) - expected).max() < 1e-6


def test_the_shipped_weights_are_loaded_by_default(restorer):
    loaded = dict(restorer.generator.named_parameters())
    assert restorer.run == "shipped"
    for name, value in load_weights().named_parameters():
        assert (value == loaded[name]).all()


def test_stored_weights_and_a_pair_of_signals_give_one_restored_signal():
    generator = load_generator(WEIGHTS)
    signal = voiced(0.5, 0)[:-77]
    restored = restore_signal(generator, signal, signal)
    assert restored.shape == signal.shape and restored.dtype == np.float32


@pytest.mark.skipif(
    "RETIMBRE_AUDIO" not in os.environ, reason="RETIMBRE_AUDIO names no folder of real speech"
)
def test_the_loudness_of_clean_speech_is_kept(restorer):
    # Of single words DeepFilterNet3 may swallow most: sentences.
    folder = Path(os.environ["RETIMBRE_AUDIO"]) / "speech"
    for speaker in ("de-thorsten", "en-callie", "kathleen", "kerstin", "nathalie"):
        speech = files.read(files.find(folder / speaker)[0], RATE)
        assert abs(loudness_lufs(restorer(speech, RATE), RATE) - loudness_lufs(speech, RATE)) < 0.5
