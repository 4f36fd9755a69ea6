"""Recordings are read whole and in blocks alike, and what is missing in them is named."""

import numpy as np
import pytest
from signals import RATE, overstated_mp3, voiced, write

from lib.audio.files import AudioError, info
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


def test_an_mp3_is_as_long_as_its_header_says_in_every_block(tmp_path):
    path = overstated_mp3(tmp_path / "a.mp3", voiced(2.0), n_frames=15)
    whole = source_file.read_whole(path)
    assert len(whole) == info(path).n_samples and not whole[-12_000:].any()
    # The missing end may lie in several blocks.
    blocks = np.concatenate([block for block, _ in source_file.read_blocks(path, 0.1)])
    assert len(blocks) == len(whole) and not blocks[-12_000:].any()
    truncated = overstated_mp3(tmp_path / "b.mp3", voiced(2.0), n_frames=40)
    with pytest.raises(AudioError, match="cannot be read: truncated"):
        list(source_file.read_blocks(truncated, 0.1))
