"""Recordings become channels at 48 kHz and recordings again: nothing moves, lengths fit."""

import numpy as np
import pytest
from signals import RATE

from lib.inference.channels import fit_length, join_channels, split_channels


def sine(hz, sample_rate, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * sample_rate)) / sample_rate)


@pytest.mark.parametrize("sample_rate", [8_000, 44_100, 96_000])
def test_a_sine_is_the_same_sine_at_48_khz_and_back(sample_rate):
    recording = np.stack([sine(1_000, sample_rate), 0.5 * sine(700, sample_rate)], axis=1)
    channels = split_channels(recording, sample_rate)
    middle = slice(RATE // 4, -RATE // 4)
    for channel, expected in zip(channels, (sine(1_000, RATE), 0.5 * sine(700, RATE)), strict=True):
        assert np.abs(channel - expected)[middle].max() < 1e-3
    back = join_channels(channels, sample_rate, len(recording))
    middle = slice(sample_rate // 4, -sample_rate // 4)
    assert np.abs(back - recording)[middle].max() < 1e-3


def test_a_recording_without_a_channel_axis_is_one_channel():
    (channel,) = split_channels(np.ones(480), RATE)
    np.testing.assert_array_equal(channel, np.ones(480, np.float32))


def test_a_length_is_cut_or_padded_with_zeros():
    ones = np.ones((5, 2))
    assert fit_length(ones, 3).tolist() == [[1, 1]] * 3
    assert fit_length(ones, 7).tolist() == [[1, 1]] * 5 + [[0, 0]] * 2
