"""Recordings are read whole and in blocks alike, and what is missing in them is named."""

import numpy as np
import pytest
from signals import RATE, voiced, write

from lib.audio.files import AudioError
from lib.inference import source_file


def test_blocks_are_the_whole_file_and_the_last_one_is_marked(tmp_path):
    signal = np.stack([voiced(1.05, 0), voiced(1.05, 1)], axis=1)
    path = write(tmp_path / "two.wav", signal, subtype="FLOAT")
    blocks = list(source_file.read_blocks(path, 0.5))
    assert [len(block) for block, _ in blocks] == [24_000, 24_000, 2_400]
    assert [last for _, last in blocks] == [False, False, True]
    np.testing.assert_array_equal(np.concatenate([block for block, _ in blocks]), signal)
    np.testing.assert_array_equal(source_file.read_whole(path), signal)


def test_samples_that_are_not_finite_are_counted(tmp_path):
    signal = voiced(1.0, 0)
    signal[30_000:30_007] = np.nan
    path = write(tmp_path / "nan.wav", signal, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"nan\.wav: 7 samples are NaN or infinite"):
        source_file.read_whole(path)
    blocks = source_file.read_blocks(path, 0.5)
    assert len(next(blocks)[0]) == RATE // 2  # the first block is sound
    with pytest.raises(AudioError, match="7 samples"):
        next(blocks)
