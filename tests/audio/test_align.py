"""The lag of a pair is found to the sample, and that of unrelated signals is not believed."""

import os
from pathlib import Path

import numpy as np
import pytest
from signals import RATE, voiced

from lib.audio import align, files
from lib.corpus import mix
from lib.deepfilter.enhance import enhance_batch

RNG = np.random.default_rng(1)


def shifted(signal, lag):
    """`signal` later by `lag` samples, of the same length."""
    padded = np.concatenate([np.zeros(max(lag, 0)), signal, np.zeros(max(-lag, 0))])
    return padded[max(-lag, 0) :][: len(signal)]


@pytest.mark.parametrize("lag", [-2_000, -1, 0, 1, 480, 1_440])
@pytest.mark.parametrize("gain", [0.01, -3.0])
def test_a_delay_is_found_to_the_sample_in_noise_at_any_gain_and_polarity(lag, gain):
    # coloured, as speech is
    voice = np.convolve(RNG.standard_normal(96_000), np.hanning(32), "same")
    noisy = gain * (shifted(voice, lag) + 0.5 * voice.std() * RNG.standard_normal(96_000))
    found = align.lag(noisy, voice)
    assert found.samples == lag and found.inverted == (gain < 0)
    assert found.confidence > align.MIN_CONFIDENCE


def test_it_is_the_lag_that_plain_correlation_finds_of_white_noise():
    voice = RNG.standard_normal(20_000)
    for lag in (-300, 7, 900):
        noisy = shifted(voice, lag) + RNG.standard_normal(20_000)
        plain = np.correlate(np.pad(noisy, 1_000), voice, "valid")
        assert align.lag(noisy, voice, 1_000).samples == np.argmax(plain) - 1_000 == lag


def test_a_batch_of_any_lengths_is_each_pair_alone(monkeypatch):
    voices = [voiced(seconds, seed) for seed, seconds in enumerate((0.4, 2.0, 1.0, 3.0))]
    late = [
        np.concatenate([np.zeros(100 * i), voice])[: len(voice) - 50 * i]
        for i, voice in enumerate(voices)
    ]
    in_one_batch = align.lags(late, voices)
    monkeypatch.setattr(align, "BATCH_SAMPLES", 1)
    one_by_one = align.lags(late, voices)
    assert [lag.samples for lag in in_one_batch] == [0, 100, 200, 300]
    assert [lag.samples for lag in one_by_one] == [0, 100, 200, 300]
    confidences = [lag.confidence for lag in one_by_one]
    assert [lag.confidence for lag in in_one_batch] == pytest.approx(confidences, rel=0.1)


def test_no_pairs_have_no_lags():
    assert align.lags([], []) == []


def test_unrelated_and_silent_signals_are_not_believed():
    noises = [RNG.standard_normal(RATE) for _ in range(40)]
    voices = [voiced(2, seed) for seed in range(8)]
    silence = np.zeros(RATE)
    pairs = [
        *zip(noises[:20], noises[20:], strict=True),
        (voices[0], noises[0]),
        (silence, noises[0]),
        (noises[1], silence),
    ]
    assert max(align.lag(*pair).confidence for pair in pairs) < align.MIN_CONFIDENCE
    assert align.lag(silence, silence).confidence == 0


@pytest.mark.parametrize("max_lag", [0, 1, 20, 48, 100, 4_800])
@pytest.mark.parametrize("n_samples", [24, 100, 480, 1_000, RATE])
def test_unrelated_signals_are_not_believed_at_any_length_and_reach(n_samples, max_lag):
    pairs = [RNG.standard_normal((2, n_samples)) for _ in range(20)]
    assert max(align.lag(*pair, max_lag).confidence for pair in pairs) < align.MIN_CONFIDENCE


@pytest.mark.parametrize("max_lag", [20, 37, 48, 4_800])
def test_a_delay_is_believed_if_it_is_within_reach(max_lag):
    voice = RNG.standard_normal(RATE)
    lag = align.lag(np.roll(voice, 37), voice, max_lag)
    assert (lag.samples == 37) == (lag.confidence >= align.MIN_CONFIDENCE) == (max_lag >= 37)


@pytest.mark.parametrize("lag", [-300, 0, 300])
def test_a_signal_advanced_by_its_lag_is_aligned(lag):
    voice = voiced(1.0)
    late = shifted(voice, lag)
    aligned = align.advance(late, align.lag(late, voice).samples)
    n = min(len(aligned), len(voice)) - abs(lag)
    np.testing.assert_array_equal(aligned[abs(lag) : n], voice[abs(lag) : n])


@pytest.mark.skipif(
    "RETIMBRE_AUDIO" not in os.environ, reason="RETIMBRE_AUDIO names no folder of real speech"
)
def test_deepfilternet3_against_clean_is_exact_and_unrelated_speech_is_refused():
    root, rng = Path(os.environ["RETIMBRE_AUDIO"]), np.random.default_rng(5)
    noises = [files.read(path, RATE) for path in files.find(root / "noise", "*.ogg")[:20]]
    mixtures = []
    for i, path in enumerate(files.find(root / "speech", "**/*.flac")[::40]):
        clean, noise = files.read(path, RATE), noises[i % len(noises)]
        noise = mix.loop(noise, int(rng.integers(len(noise))), len(clean))
        mixtures.append(mix.mix(clean, noise, [-5.0, 0.0, 5.0][i % 3], 0.5))
    enhanced = [result.signal for result in enhance_batch([pair.noisy for pair in mixtures])]
    lags = rng.integers(-2_000, 2_001, len(mixtures))
    late = [shifted(signal, lag) for signal, lag in zip(enhanced, lags, strict=True)]
    clean = [pair.clean for pair in mixtures]
    exact = [found.samples == lag for found, lag in zip(align.lags(late, clean), lags, strict=True)]
    assert np.mean(exact) >= 0.97
    unrelated = align.lags(enhanced[1:], clean[:-1])
    assert np.mean([found.confidence >= align.MIN_CONFIDENCE for found in unrelated]) <= 0.01
