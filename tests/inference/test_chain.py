"""One hop of the chain in PyTorch: as the stream, and silent before the signal."""

import numpy as np
import pytest
import torch
from inference.chains import by_stream, hops_of, speech_with_pauses
from models.networks import small_generator, with_strong_output

from lib.inference.chain import Chain
from lib.models.pretrained import load_weights


def by_chain(generator, signal, mix=1.0, atten_lim_db=100.0):
    chain = Chain(generator)
    states, hops = chain.start(), []
    for hop in hops_of(signal):
        options = chain.options(mix, atten_lim_db)
        restored, *states = chain(torch.from_numpy(hop)[None], *options, *states)
        hops.append(restored[0].numpy())
    return np.concatenate(hops)


@pytest.mark.parametrize("scale", [1.0, 0.004], ids=["loud", "heard louder than it is"])
def test_hops_are_those_of_the_stream(scale):
    signal = scale * speech_with_pauses()
    restored = by_chain(load_weights(), signal)
    # The stream waits for a whole hop, which the chain gets.
    assert np.abs(restored[:-480] - by_stream(load_weights(), signal)[480:]).max() < 1e-5
    assert np.abs(restored).max() > 0.1 * np.abs(signal).max()


@pytest.mark.parametrize("architecture", ["bands", "spectral", "waveform"])
def test_other_generators_have_a_chain_too(architecture):
    generator = with_strong_output(small_generator(architecture, condition_on_noisy=False))
    signal = speech_with_pauses()[: 100 * 480]
    restored = by_chain(generator, signal)
    assert np.abs(restored[:-480] - by_stream(generator, signal)[480:]).max() < 1e-4


def test_nothing_comes_out_before_the_signal():
    chain = Chain(load_weights())
    restored = by_chain(load_weights(), speech_with_pauses()[: 20 * 480])
    assert np.abs(restored[: chain.delay]).max() == 0 < np.abs(restored[chain.delay :]).max()
