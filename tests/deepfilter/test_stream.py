"""Streams: a signal in chunks is the whole signal, and pauses are silent in their place."""

import numpy as np
import pytest
from deepfilter.examples import PAUSE, SPEECH, WITH_PAUSES
from signals import RATE, speech_like

from lib.audio.levels import level_db
from lib.benchmarks import deepfilter, memory
from lib.deepfilter.enhance import enhance, enhance_stream
from lib.deepfilter.grid import HOP_LENGTH
from lib.deepfilter.model import load
from lib.deepfilter.rows import samples_of
from lib.deepfilter.settings import DEFAULTS, Settings
from lib.deepfilter.stream import DeepFilterStream, RuntimeStream, open_stream

WORD, NEXT_WORD = SPEECH[:RATE], SPEECH[RATE : 2 * RATE]


def test_the_end_of_a_word_stays_before_the_pause_and_the_pause_is_silent():
    enhanced = enhance(np.concatenate([WORD, PAUSE, NEXT_WORD]))
    np.testing.assert_allclose(enhanced[:RATE], enhance(WORD), atol=1e-6)
    assert not enhanced[RATE : RATE + len(PAUSE)].any()


def test_behind_a_pause_the_network_goes_on_from_the_state_before_it():
    with_pause = enhance(np.concatenate([WORD, PAUSE, NEXT_WORD]))
    without = enhance(np.concatenate([WORD, NEXT_WORD]))
    np.testing.assert_allclose(with_pause[RATE + len(PAUSE) :], without[RATE:], atol=1e-6)


def test_the_runtime_lets_the_last_30_ms_before_a_pause_out_behind_it():
    held = enhance(np.concatenate([WORD, PAUSE, NEXT_WORD]), deepfilter.AS_RUNTIME)
    without = enhance(np.concatenate([WORD, NEXT_WORD]))
    end_of_pause = RATE + len(PAUSE)
    late = held[end_of_pause - 1_440 : end_of_pause]
    np.testing.assert_allclose(late, without[RATE - 1_440 : RATE], atol=1e-6)


def test_the_settings_choose_what_happens_at_pauses():
    assert type(open_stream(load())) is DeepFilterStream
    assert type(open_stream(load(deepfilter.AS_RUNTIME))) is RuntimeStream


def test_a_stream_lags_three_hops_behind_and_catches_up_at_its_end():
    stream = DeepFilterStream(load())
    hops = SPEECH[: 10 * 480].reshape(-1, 480)
    assert [len(stream.push(hop[None])) for hop in hops] == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1]
    assert sum(len(rows) for rows in stream.end(np.zeros(0, np.float32))) == 3


def test_at_a_pause_everything_that_was_heard_comes_out():
    stream = DeepFilterStream(load())
    hops = np.concatenate([SPEECH[:960], np.zeros(480, np.float32)]).reshape(-1, 480)
    assert [len(stream.push(hop[None])) for hop in hops] == [0, 0, 3]


def test_a_quiet_signal_that_comes_hop_by_hop_is_heard_louder_after_half_a_second():
    quiet = 0.01 * speech_like(3.0)
    stream = DeepFilterStream(load())
    rows = [stream.push(hop[None]) for hop in quiet.reshape(-1, HOP_LENGTH)]
    streamed = samples_of(np.concatenate([*rows, *stream.end(quiet[:0])]))
    expected = enhance(quiet)
    first, rest = slice(0, RATE // 2), slice(RATE, None)
    assert level_db(streamed[first]) < level_db(expected[first]) - 10
    assert abs(level_db(streamed[rest]) - level_db(expected[rest])) < 1


@pytest.mark.parametrize(
    "settings",
    [DEFAULTS, deepfilter.AS_RUNTIME, Settings(min_db_thresh=0.0, max_db_df_thresh=20.0)],
)
def test_a_stream_of_any_chunks_is_the_whole_signal(settings):
    rng, chunks, start = np.random.default_rng(0), [], 0
    while start < len(WITH_PAUSES):
        chunks.append(WITH_PAUSES[start : start + int(rng.integers(1, 9_000))])
        start += len(chunks[-1])
    streamed = np.concatenate(list(enhance_stream(chunks, settings)))
    np.testing.assert_allclose(streamed, enhance(WITH_PAUSES, settings), atol=1e-6)


def test_memory_does_not_grow_with_the_length():
    table = memory.peak_memory([0.2, 2.0])
    assert table.peak_mb[1] / table.peak_mb[0] == pytest.approx(1.0, abs=0.05)
