"""Words are one utterance: at one level, with the pauses that were asked for, without clicks."""

import numpy as np
import pytest
from signals import RATE

from lib.corpus import mix, utterance


def tone(seconds=0.5, level=0.5, before=0.2, after=0.1, hz=200.0):
    """A tone between silences: what a word is, with edges and a pitch that are known."""
    t = np.arange(round(seconds * RATE)) / RATE
    word = level * np.sin(2 * np.pi * hz * t)
    return np.pad(word, (round(before * RATE), round(after * RATE))).astype(np.float32)


def joined(recordings, pauses, gains_db=None):
    words = [utterance.measure(recording) for recording in recordings]
    gains_db = gains_db or [0.0] * len(words)
    return *utterance.join(recordings, words, gains_db, pauses), words


def test_a_word_is_found_within_ten_milliseconds_at_its_level_and_its_band():
    word = utterance.measure(tone(0.5, 0.25, before=0.303, after=0.207))
    assert 0 <= 0.303 * RATE - word.start < 480 and 0 <= word.stop - 0.803 * RATE < 480
    assert word.level_db == pytest.approx(20 * np.log10(0.25) - 3.01, abs=0.3)
    noise = np.random.default_rng(0).standard_normal(RATE)
    assert utterance.measure(noise).bandwidth_hz == RATE / 2


@pytest.mark.parametrize("silence", [0.0, 0.05, 0.2, 1.0])
def test_pauses_are_as_long_as_they_were_asked_for_whatever_silence_a_word_brings(silence):
    pauses = [7_200, 20_000, 28_800]  # 0.15, 0.42, 0.6 s
    signal, starts, words = joined([tone(before=silence, after=silence)] * 4, pauses)
    stops = [start + word.stop - word.start for start, word in zip(starts, words, strict=True)]
    assert [b - a for a, b in zip(stops[:-1], starts[1:], strict=True)] == pauses
    for stop, start in zip(stops[:-1], starts[1:], strict=True):
        assert not signal[stop:start].any()
    # The ends keep a quarter of a second of their own silence, not more.
    assert starts[0] == len(signal) - stops[-1] == min(round(silence * RATE), RATE // 4)


def test_a_word_gets_its_gain_and_an_utterance_beyond_full_scale_is_turned_down():
    signal, starts, _ = joined([tone(level=0.1), tone(level=0.4)], [9_600], [6.0, -6.0])
    peaks = [np.abs(signal[start : start + RATE // 2]).max() for start in starts]
    np.testing.assert_allclose(peaks, [0.1 * 10**0.3, 0.4 * 10**-0.3], rtol=1e-3)
    loud, starts, _ = joined([tone(level=0.5), tone(level=0.9)], [9_600], [0.0, 6.0])
    peaks = [np.abs(loud[start : start + RATE // 2]).max() for start in starts]
    assert peaks[1] == pytest.approx(0.99, abs=1e-3)
    assert peaks[1] / peaks[0] == pytest.approx(0.9 * 10**0.3 / 0.5, rel=1e-3)


@pytest.mark.parametrize(("silence", "seconds"), [(0.0, 0.50125), (0.1, 0.5)])
def test_no_step_at_a_joint_is_larger_than_those_of_the_words(silence, seconds):
    # Without silence around, these tones end near their peak; with it, a noise floor is cut.
    rng = np.random.default_rng(0)
    words = [tone(seconds, before=silence, after=silence, hz=100.0 + i) for i in range(3)]
    words = [word + 1e-3 * rng.standard_normal(len(word)).astype(np.float32) for word in words]
    signal, starts, measured = joined(words, [9_600, 9_600])
    largest = max(np.abs(np.diff(word[len(word) // 3 : len(word) // 2])).max() for word in words)
    for start, word in zip(starts, measured, strict=True):
        stop = start + word.stop - word.start
        for joint in (start, stop):
            around = signal[max(0, joint - 15_000) : joint + 2_000]
            assert np.abs(np.diff(around)).max() < 1.5 * largest


def test_the_level_is_that_of_active_frames_whatever_the_silence_around():
    short, long = tone(1.0, before=0.0, after=0.0), tone(1.0, before=1.0, after=1.0)
    levels = [utterance.measure(recording).level_db for recording in (short, long)]
    assert levels[0] == pytest.approx(levels[1], abs=0.2)
    signal, starts, words = joined([short, long], [9_600])
    parts = [
        signal[start : start + word.stop - word.start]
        for start, word in zip(starts, words, strict=True)
    ]
    first, second = (mix.active_levels_db(part, part)[0] for part in parts)
    assert first == pytest.approx(second, abs=0.2)
