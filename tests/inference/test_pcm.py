"""Raw samples of each encoding go in and out at their full scale."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from signals import RATE, voiced

from lib.inference.pcm import stream_pcm
from lib.inference.restorer import Restorer


def streamed(
    monkeypatch, data: bytes, encoding: str, n_broken: int = 0, n_left: int = 0, **options
) -> bytes:
    """The bytes on standard output for these bytes on standard input."""
    output = io.BytesIO()
    buffer = io.BufferedReader(io.BytesIO(data))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=buffer))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=output))
    assert stream_pcm(Restorer.load(), encoding, **options) == (n_broken, n_left)
    return output.getvalue()


@pytest.mark.parametrize("encoding, kind, full_scale", [("f32", "<f4", 1), ("s32", "<i4", 2**31)])
def test_a_stream_equals_offline_in_every_encoding(monkeypatch, encoding, kind, full_scale):
    signal = (3 * voiced(0.5, 0) * full_scale).astype(kind)
    half_a_sample = b"x"
    output = streamed(monkeypatch, signal.tobytes() + half_a_sample, encoding, n_left=1, channels=1)
    samples = np.frombuffer(output, kind).astype(np.float64) / full_scale
    restorer = Restorer.load()
    expected = restorer(signal.astype(np.float32) / full_scale, RATE)
    assert np.abs(samples[restorer.stream().delay :] - expected).max() < 1e-4


@pytest.mark.parametrize("encoding, kind", [("s16", "<i2"), ("s32", "<i4")])
def test_integer_samples_at_both_ends_of_the_scale_do_not_wrap_around(monkeypatch, encoding, kind):
    ends = np.iinfo(kind)
    signal = np.tile(np.array([ends.min, ends.max], kind), 480)
    output = streamed(monkeypatch, signal.tobytes(), encoding, channels=2, mix=0.0)
    samples = np.frombuffer(output, kind).reshape(-1, 2)[2400:]
    assert (samples[:, 0] == ends.min).all() and (samples[:, 1] >= ends.max - 127).all()


def test_a_sample_that_is_nan_is_silence_and_the_stream_goes_on(monkeypatch):
    signal = 3 * voiced(0.5, 0)
    signal[[777, 778]] = 0.0
    broken = signal.copy()
    broken[[777, 778]] = np.nan, -np.inf
    outputs = [
        streamed(monkeypatch, samples.astype("<f4").tobytes(), "f32", channels=1, n_broken=n)
        for samples, n in ((signal, 0), (broken, 2))
    ]
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("name", ["stdin", "stdout"])
def test_a_closed_pipe_is_named(monkeypatch, name):
    monkeypatch.setattr(sys, name, None)
    with pytest.raises(ValueError, match=f"standard {name.removeprefix('std')}put is closed"):
        stream_pcm(Restorer.load(), "s16", channels=1)
