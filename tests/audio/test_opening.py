"""A file is read to its end, or refused by name: its header never takes samples away."""

import numpy as np
import pytest
from signals import RATE, joined, mp3_without_count, noise, overstated_mp3, voiced, write

from lib.audio import files
from lib.audio.opening import open_sound

LOUD, SILENT = noise(3.0, 0.2), np.zeros(3 * RATE, np.float32)
# An encoder and a decoder may add this much: two frames of 24 ms.
PADDING = 2 * 1152


@pytest.mark.parametrize(
    "signal",
    [np.concatenate([LOUD, SILENT]), np.concatenate([SILENT, LOUD]), np.tile(LOUD, 4)],
    ids=["loud first", "silent first", "loud"],
)
def test_an_mp3_of_variable_bit_rate_that_does_not_tell_its_length_is_read_whole(tmp_path, signal):
    """By its first frame and its size, libsndfile took 94,608 of the first one's 288,000."""
    path = mp3_without_count(tmp_path / "a.mp3", signal)
    found = files.read(path)
    assert len(found) == files.info(path).n_samples
    assert 0 <= len(found) - len(signal) <= PADDING
    # The sound lies where it was, to the encoder's delay.
    power = [float(np.mean(part[:-PADDING] ** 2)) for part in np.array_split(found, 2)]
    expected = [float(np.mean(part**2)) for part in np.array_split(signal, 2)]
    np.testing.assert_allclose(power, expected, rtol=0.1, atol=1e-4)


def test_joined_mp3s_are_read_to_the_end_of_the_last_one(tmp_path):
    parts = [write(tmp_path / f"{i}.mp3", noise(1.0, seed=i)) for i in range(3)]
    path = joined(tmp_path / "joined.mp3", *parts)
    assert 3 * RATE <= files.info(path).n_samples == len(files.read(path)) <= 3.2 * RATE


@pytest.mark.parametrize("codec", ["GSM610", "G721_32", "NMS_ADPCM_16"])
def test_codecs_without_random_access_are_read_from_any_sample(tmp_path, codec):
    path = write(tmp_path / "a.wav", voiced(2.0, 0, 8_000), 8_000, codec)
    whole = files.read(path)
    assert len(whole) >= 16_000
    np.testing.assert_array_equal(
        files.read(path, start=5_000, n_samples=3_000), whole[5_000:8_000]
    )


def test_a_name_need_not_be_utf_8(tmp_path):
    write(tmp_path / "a.mp3", noise(1.0)).rename(tmp_path / "\udce9.mp3")
    assert files.info(tmp_path / "\udce9.mp3").n_samples == RATE


def test_an_open_file_tells_what_can_be_read(tmp_path):
    path = overstated_mp3(tmp_path / "a.mp3", noise(1.0), n_frames=-15)
    with open_sound(path) as file:
        assert file.frames == len(file.read(file.frames)) >= RATE
