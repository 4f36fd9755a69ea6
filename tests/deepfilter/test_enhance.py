"""Whole signals and batches: nothing lost, nothing late, nothing heard of a neighbour."""

import os
from pathlib import Path

import numpy as np
import pytest
from deepfilter.examples import HISS, PAUSE, SPEECH, snr_db
from signals import RATE, noise, voiced

from lib.audio import align, files
from lib.audio.levels import level_db
from lib.benchmarks import deepfilter
from lib.corpus.mix import mix
from lib.deepfilter.enhance import enhance, enhance_batch, enhance_stream
from lib.deepfilter.grid import HOP_LENGTH
from lib.deepfilter.settings import Settings


@pytest.mark.parametrize("n_samples", [1, 479, 480, 481, 48_001])
def test_any_length_comes_back_as_long(n_samples):
    enhanced = enhance(SPEECH[:n_samples])
    assert enhanced.shape == (n_samples,)
    assert enhanced.dtype == np.float32
    assert np.isfinite(enhanced).all()
    assert sum(map(len, enhance_stream([SPEECH[:n_samples]]))) == n_samples


def test_the_output_is_not_late():
    assert align.lag(enhance(SPEECH), SPEECH).samples == 0


def test_the_tail_is_not_lost():
    whole, head = enhance(np.concatenate([SPEECH, SPEECH])), enhance(SPEECH)
    settled = slice(0, len(SPEECH) - 1_920)  # the network looks ahead
    np.testing.assert_allclose(whole[settled], head[settled], atol=1e-6)
    last_hop = slice(len(SPEECH) - 480, len(SPEECH))
    assert np.abs(head[last_hop]).max() > 0.1 * np.abs(whole[last_hop]).max() > 0


def test_the_future_beyond_the_look_ahead_does_not_change_the_past():
    changed = SPEECH.copy()
    changed[RATE:] = HISS[: len(changed) - RATE]
    before = slice(0, RATE - 1_440)
    np.testing.assert_array_equal(enhance(changed)[before], enhance(SPEECH)[before])


def test_an_attenuation_limit_of_0_db_leaves_everything_as_it_is():
    np.testing.assert_allclose(enhance(SPEECH, Settings(atten_lim_db=0.0)), SPEECH, atol=1e-6)


def test_a_batch_of_different_lengths_hears_nothing_of_its_neighbours():
    with_a_pause = np.concatenate([SPEECH, PAUSE, HISS])
    signals = [SPEECH, HISS, SPEECH[:5_000], np.zeros(700), with_a_pause, SPEECH[:1]]
    for noisy, result in zip(signals, enhance_batch(signals), strict=True):
        alone = enhance_batch([noisy])[0]
        np.testing.assert_allclose(result.signal, alone.signal, atol=1e-5)
        assert len(result.gains) == len(result.lsnr_db) == -(-len(noisy) // HOP_LENGTH)
        np.testing.assert_allclose(result.gains, alone.gains, atol=1e-4)


def test_gains_and_local_snr_tell_speech_from_noise():
    hiss, speech = enhance_batch([HISS, voiced(2)])
    assert hiss.gains.min() >= 0
    assert speech.gains.max() <= 1
    assert hiss.gains.shape[1] == 32
    assert np.median(hiss.lsnr_db) < -10 < 5 < speech.lsnr_db.max() <= 35


def test_noise_is_removed():
    after = enhance(HISS)[RATE:]
    assert 20 * np.log10(np.std(after) / np.std(HISS)) < -20


def test_quiet_speech_comes_out_the_same_at_every_level():
    levels_db = [-18, -25, -35, -45, -50]  # re SPEECH, which is at -28 dB re full scale
    gains = [10 ** (level_db / 20) for level_db in levels_db]
    # The samples of a file with 24 bits.
    quiet = [np.round(gain * SPEECH * 2**23) / 2**23 for gain in gains]
    results = enhance_batch(quiet)
    first, *others = (result.signal / gain for gain, result in zip(gains, results, strict=True))
    assert all(snr_db(first, other) > 40 for other in others)
    # At a normal level it is as loud.
    assert abs(level_db(first) - level_db(enhance(SPEECH))) < 1
    # Upstream's runtime hears it as it is, and takes it for noise.
    runtime = enhance(quiet[2], deepfilter.AS_RUNTIME) / gains[2]
    assert level_db(runtime) < level_db(first) - 20


@pytest.mark.skipif(
    "RETIMBRE_AUDIO" not in os.environ, reason="RETIMBRE_AUDIO names no folder of real speech"
)
def test_real_speech_in_noise_as_loud_keeps_its_loudness_at_every_level():
    """Heard as it is, it loses 2 dB with its loudest part at -39 dB, and 34 at -45."""
    root = Path(os.environ["RETIMBRE_AUDIO"])
    clean = files.read(sorted((root / "speech" / "kathleen").iterdir())[0])[: 4 * RATE]
    noisy = mix(clean, files.read(root / "noise" / "ibm-train.flac")[: len(clean)], 0.0, 0.5).noisy
    gains = [10 ** (level / 20) / np.std(noisy) for level in (-26, *range(-30, -71, -2))]
    results = enhance_batch([gain * noisy for gain in gains])
    first, *others = (level_db(out.signal / gain) for gain, out in zip(gains, results, strict=True))
    np.testing.assert_allclose(others, first, atol=1)


@pytest.mark.parametrize("seconds", [0.3, 1.5])
def test_a_burst_does_not_take_the_quiet_speech_around_it_with_it(seconds):
    """Heard as it is, the speech before this burst is 20 dB too quiet, and 65 dB that behind it."""
    gain = 10 ** (-16 / 20)
    burst = HISS[: round(seconds * RATE)]
    burst = burst * (10 ** (-32.5 / 20) / np.std(burst))
    enhanced = enhance(np.concatenate([gain * SPEECH, burst, gain * SPEECH, gain * SPEECH])) / gain
    expected = level_db(enhance(SPEECH))
    # The burst has part of the gain, so that less noise is taken from the speech.
    for part in (enhanced[: len(SPEECH)], enhanced[-len(SPEECH) :]):
        assert abs(level_db(part) - expected) < 2.5


def test_a_pause_of_a_minute_does_not_make_the_speech_behind_it_quiet():
    room = noise(60.0, level=10 ** (-75 / 20))
    enhanced = enhance(np.concatenate([SPEECH, room, SPEECH]))
    without = enhance(np.concatenate([SPEECH, SPEECH]))
    assert not enhanced[len(SPEECH) : -len(SPEECH)].any()
    np.testing.assert_allclose(enhanced[-len(SPEECH) :], without[len(SPEECH) :], atol=1e-6)


@pytest.mark.parametrize("level", [-60, -70, -80])
def test_room_tone_alone_does_not_get_louder(level):
    room = noise(3.0, level=10 ** (level / 20))
    assert level_db(enhance(room)) < level_db(room) - 10


def test_a_quiet_stream_of_any_chunks_is_the_whole_signal():
    quiet = 0.01 * np.concatenate([PAUSE, SPEECH, PAUSE, SPEECH])[:-77]
    for size in (700, 100_000):
        streamed = np.concatenate(
            list(enhance_stream(np.split(quiet, range(size, len(quiet), size))))
        )
        np.testing.assert_allclose(streamed, enhance(quiet), atol=1e-7)


@pytest.mark.parametrize(
    "noisy",
    [
        PAUSE,
        np.full(RATE, 0.5),
        np.clip(100 * SPEECH, -1, 1),
        2 * HISS / np.abs(HISS).max(),
        SPEECH * 1e-6,
        SPEECH * 1e4,
    ],
    ids=["silence", "DC", "clipped", "full-scale noise", "faint", "far above full scale"],
)
def test_the_output_of_any_input_is_finite(noisy):
    assert np.isfinite(enhance(noisy)).all()


def test_a_signal_with_nan_or_two_channels_is_refused_by_its_number():
    with pytest.raises(ValueError, match=r"signal 1 of 1: .*finite samples, 1 are NaN"):
        enhance(np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match=r"signal 2 of 2: .*one channel"):
        enhance_batch([HISS, np.zeros((2, 480))])
    with pytest.raises(ValueError, match=r"behind 1.00 s: .*finite"):
        list(enhance_stream([SPEECH[:RATE], np.array([np.inf])]))
