"""Without PyTorch: files, batches and streams are what PyTorch makes of them."""

import numpy as np
import pytest
from inference.chains import hops_of, speech_with_pauses
from signals import RATE, speech_like, voiced

from lib.inference.light import LightRestorer, LightStages
from lib.inference.restorer import Restorer


@pytest.fixture(scope="module")
def light():
    return LightRestorer()


@pytest.fixture(scope="module")
def in_pytorch():
    return Restorer.load()


def streamed(stream, chunks):
    """What comes out, without the delay."""
    return np.concatenate([*(stream.push(chunk) for chunk in chunks), stream.flush()])[
        stream.delay :
    ]


@pytest.mark.parametrize("gain", [1.0, 0.01], ids=["normal", "heard louder than it is"])
def test_a_recording_is_what_pytorch_makes_of_it(light, in_pytorch, gain):
    """Speech, pauses of all lengths, speech in noise; the last hop is not whole."""
    signal = gain * speech_with_pauses()[:-77]
    restored = light(signal, RATE)
    assert np.abs(restored).max() > 0.1 * np.abs(signal).max()
    assert np.abs(restored - in_pytorch(signal, RATE)).max() < 1e-5
    options = {"already_enhanced": True, "mix": 0.7}
    expected = in_pytorch(signal, RATE, **options)
    assert np.abs(light(signal, RATE, **options) - expected).max() < 1e-5


def test_signals_in_a_batch_do_not_change_each_other(light):
    signals = [voiced(0.5 + 0.3 * i, i) for i in range(5)]
    for restored, signal in zip(light.restore_batch(signals), signals, strict=True):
        assert len(restored) == len(signal) and np.abs(restored - light(signal, RATE)).max() < 1e-6


def test_blocks_are_what_hops_are(light):
    signal = speech_with_pauses()
    by_hops, by_blocks = (
        streamed(light.stream(), chunks) for chunks in (hops_of(signal), np.array_split(signal, 3))
    )
    assert np.abs(by_blocks - by_hops).max() < 1e-5
    assert np.abs(by_blocks - light(signal, RATE)).max() < 1e-5


def test_a_quiet_stream_hop_by_hop_is_that_of_pytorch(light, in_pytorch):
    """It is heard as it is for half a second, unlike a recording that is known beforehand."""
    quiet = hops_of(0.01 * speech_like(1.0))
    by_light, by_pytorch = (streamed(one.stream(), quiet) for one in (light, in_pytorch))
    assert np.abs(by_light - by_pytorch).max() < 1e-6
    first = slice(0, RATE // 4)
    assert np.abs(by_light - light(quiet.ravel(), RATE))[first].max() > 1e-4


def test_the_state_carries_everything_of_a_batch(light):
    stages, rng = LightStages(), np.random.default_rng(0)
    inputs = 0.1 * rng.standard_normal((3, 2, 150 * 480)).astype(np.float32)
    whole, _ = stages.generate(inputs)
    parts, state = [], None
    for part in np.split(inputs, [480, 50 * 480, 51 * 480], axis=2):
        restored, state = stages.generate(part, state)
        parts.append(restored)
    assert np.abs(np.concatenate(parts, axis=1) - whole).max() < 1e-6
