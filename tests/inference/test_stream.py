"""The chain as a stream: an impulse comes out `delay` samples late, streaming equals offline."""

import numpy as np
import pytest
from signals import RATE, speech_like, voiced

from lib.audio.levels import level_db
from lib.deepfilter.enhance import enhance
from lib.inference.restorer import Restorer
from lib.inference.stream import RestorerStream
from lib.models.generator import make_generator

CHUNKS = {"1 to 4000": (1, 4000), "hops": (480, 481), "a few": (1, 60), "all": (10**9, 10**9 + 1)}


@pytest.fixture(scope="module")
def restorer():
    return Restorer.load()


@pytest.fixture(scope="module")
def speech():
    """Speech, a digital pause, speech in noise; the length is no multiple of a hop."""
    rng = np.random.default_rng(0)
    parts = [
        voiced(1.5, 0),
        np.zeros(RATE),
        voiced(2.0, 1) + 0.02 * rng.standard_normal(2 * RATE),
        np.zeros(700),
        voiced(1.0, 2),
    ]
    return np.concatenate(parts)[:-77].astype(np.float32)


def streamed(
    stream: RestorerStream, signal: np.ndarray, sizes=(1, 4000), seed=0, **more
) -> np.ndarray:
    """The outputs of a stream for chunks of random sizes, with the flush at the end."""
    rng, out, start = np.random.default_rng(seed), [], 0
    while start < len(signal):
        chunk = slice(start, start + int(rng.integers(*sizes)))
        out.append(
            stream.push(signal[chunk], **{name: value[chunk] for name, value in more.items()})
        )
        assert len(out[-1]) == len(signal[chunk])
        start = chunk.stop
    return np.concatenate([*out, stream.flush()])


@pytest.mark.parametrize("sizes", CHUNKS.values(), ids=CHUNKS.keys())
def test_a_stream_equals_offline_delayed_whatever_the_chunks(restorer, speech, sizes):
    signal = speech if sizes[0] != 1 or sizes[1] > 100 else speech[: RATE // 2]
    stream = restorer.stream()
    out = streamed(stream, signal, sizes)
    assert len(out) == len(signal) + stream.delay
    assert np.abs(out[: stream.delay]).max() == 0.0
    assert np.abs(out[stream.delay :] - restorer(signal, RATE)).max() < 1e-4


def test_a_quiet_recording_block_by_block_equals_offline(restorer, speech):
    quiet = 0.01 * speech
    stream = restorer.stream()
    # A block tells how loud the recording is.
    out = streamed(stream, quiet, (5 * RATE, 5 * RATE + 1))[stream.delay :]
    expected = restorer(quiet, RATE)
    assert np.abs(expected).max() > 0.1 * np.abs(quiet).max()
    assert np.abs(out - expected).max() < 1e-6


def test_a_quiet_stream_hop_by_hop_is_as_loud_as_offline_after_a_second(restorer):
    quiet = 0.01 * speech_like(3.0)
    stream = restorer.stream()
    out, expected = streamed(stream, quiet, CHUNKS["hops"])[stream.delay :], restorer(quiet, RATE)
    rest = slice(RATE, None)
    assert abs(level_db(out[rest]) - level_db(expected[rest])) < 1


def test_an_impulse_comes_out_delay_samples_late():
    """With mix 0 the whole chain gives the signal itself."""
    stream = Restorer.load().stream(mix=0.0)
    click = np.zeros(RATE, np.float32)
    click[10_000] = 0.5
    assert np.flatnonzero(streamed(stream, click)).tolist() == [10_000 + stream.delay]
    assert stream.delay == 2400


def test_the_restored_signal_lies_where_the_input_lies(restorer):
    """Clean voice passes the network: after the stated delay the best lag to the input is 0."""
    signal = 3 * voiced(2.0, 3)
    stream = restorer.stream()
    out = streamed(stream, signal)[stream.delay :]
    lags = range(-30, 31)
    products = [np.dot(np.roll(out, lag), signal) for lag in lags]
    assert lags[int(np.argmax(products))] == 0


def test_minutes_of_silence_leave_no_trace_and_no_drift(restorer, speech):
    silence = np.zeros(60 * RATE, np.float32)
    whole = np.concatenate([speech, silence, speech])
    stream = restorer.stream()
    out = streamed(stream, whole, (4800, 48_000))[stream.delay :]
    assert np.abs(out - restorer(whole, RATE)).max() < 1e-4
    assert np.abs(out[len(speech) + RATE : len(speech) + len(silence) - RATE]).max() < 1e-4
    buffers = (stream.partial_hop, stream.before_generator, stream.after_generator)
    assert all(buffer.shape[1] <= stream.delay for buffer in buffers)
    assert len(stream.output) <= stream.delay


def test_a_flushed_or_reset_stream_is_as_new(restorer, speech):
    stream = restorer.stream()
    first = streamed(stream, speech)
    np.testing.assert_array_equal(streamed(stream, speech), first)
    stream.push(speech[:12_345])
    stream.reset()
    np.testing.assert_array_equal(streamed(stream, speech), first)


def test_a_stream_of_enhanced_samples_takes_the_noisy_original_beside_them(restorer, speech):
    enhanced = enhance(speech)
    stream = restorer.stream(already_enhanced=True)
    assert stream.delay == 960
    out = streamed(stream, enhanced, noisy=speech)[stream.delay :]
    assert np.abs(out - restorer(speech, RATE)).max() < 1e-4


def test_half_the_mix_is_half_of_each(restorer, speech):
    stream = restorer.stream(mix=0.5)
    out = streamed(stream, speech)[stream.delay :]
    assert np.abs(out - 0.5 * (restorer(speech, RATE) + speech)).max() < 1e-4


@pytest.mark.parametrize(
    "chunk, message",
    [
        (np.zeros((2, 480)), r"expected \[T\], got \(2, 480\)"),
        (np.full(480, np.nan), "480 samples are NaN or infinite, the first one at 0"),
    ],
    ids=["two channels", "NaN"],
)
def test_a_bad_chunk_is_refused_and_the_stream_goes_on(restorer, speech, chunk, message):
    stream = restorer.stream()
    before = stream.push(speech[:5000])
    with pytest.raises(ValueError, match=message):
        stream.push(chunk)
    rest = np.concatenate([before, stream.push(speech[5000:]), stream.flush()])
    assert np.abs(rest[stream.delay :] - restorer(speech, RATE)).max() < 1e-4


def test_a_generator_with_one_input_streams_too():
    restorer = Restorer(
        make_generator("waveform", channels=8, hidden=16, condition_on_noisy=False).eval()
    )
    signal = voiced(1.0, 4)
    stream = restorer.stream()
    assert np.abs(streamed(stream, signal)[stream.delay :] - restorer(signal, RATE)).max() < 1e-4
