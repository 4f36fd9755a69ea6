"""The loudness of one hop by matrices: as the matcher with its filters in double precision."""

import numpy as np
import torch
from inference.chains import hops_of, speech_with_pauses
from scipy.signal import sosfilt

from lib.inference.chain_loudness import LOUDNESS_STATES, HopLoudness
from lib.inference.loudness import LoudnessMatcher
from lib.inference.weighting import K_WEIGHTING


def test_hops_are_those_of_the_matcher():
    reference, matcher, loudness = speech_with_pauses(), LoudnessMatcher(), HopLoudness()
    signal = (1.4 * reference).astype(np.float32)
    states = [torch.zeros(shape) for shape in LOUDNESS_STATES.values()]
    for hops in zip(hops_of(reference), hops_of(signal), strict=True):
        matched, *states = loudness(*(torch.from_numpy(hop)[None] for hop in hops), *states)
        np.testing.assert_allclose(matched[0], matcher.push(*hops), atol=1e-5)
    assert matcher.gain < 0.9


def test_a_long_hum_is_weighted_as_by_the_filter():
    """A sine of 20 Hz, for which the high-pass remembers tenths of a second."""
    hum = np.sin(2 * np.pi * 20 * np.arange(100 * 480) / 48_000)
    weighted = sosfilt(K_WEIGHTING, hum).reshape(-1, 480)
    loudness, state = HopLoudness(), torch.zeros(LOUDNESS_STATES["weighting"])
    for hop, expected in zip(hops_of(hum.astype(np.float32)), weighted, strict=True):
        powers, state = loudness.powers(torch.from_numpy(hop).repeat(2, 1), state)
        np.testing.assert_allclose(powers.flatten(), np.square(expected).mean(), rtol=1e-3)
