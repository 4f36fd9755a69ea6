"""A file is read to its end, or refused by name: its header never takes samples away."""

import numpy as np
import pytest
from signals import RATE, joined, mp3_without_count, noise, overstated_mp3, voiced, write

from lib.audio import files
from lib.audio.opening import AudioError, open_sound

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


@pytest.mark.parametrize("suffix", ["ogg", "opus", "flac"])
def test_other_joined_files_are_refused(tmp_path, suffix):
    form = {"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}
    part = write(tmp_path / f"a.{suffix}", noise(1.0), **form)
    assert files.info(part).n_samples == RATE
    path = joined(tmp_path / f"joined.{suffix}", part, part)
    with pytest.raises(AudioError, match=rf"joined\.{suffix}: several files, one behind the other"):
        files.info(path)


def test_a_flac_that_does_not_tell_its_length_is_refused(tmp_path):
    path = write(tmp_path / "a.flac", noise(1.0))
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)  # the 36 bits of the number of samples
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"a\.flac: its header does not say how long it is"):
        files.read(path)


@pytest.mark.parametrize(
    "data_bytes, behind, n_samples",
    [
        (None, b"", RATE),
        (0xFFFFFFFF, b"", RATE),  # a pipe
        (None, b"LIST\x04\0\0\0INFO", RATE),
        (None, bytes(4096), RATE),  # padding
        (None, b"TAG" + bytes(125), RATE),
        (RATE // 2, b"", None),  # an interrupted recorder
        (0, b"", None),
    ],
)
def test_a_wav_whose_header_tells_less_than_there_is_is_refused(
    tmp_path, data_bytes, behind, n_samples
):
    path = write(tmp_path / "a.wav", noise(1.0), subtype="PCM_16")
    content = bytearray(path.read_bytes())
    size = content.index(b"data") + 4
    if data_bytes is not None:
        content[size : size + 4] = data_bytes.to_bytes(4, "little")
    path.write_bytes(content + behind)
    if n_samples:
        assert files.info(path).n_samples == len(files.read(path)) == n_samples
    else:
        with pytest.raises(AudioError, match=r"samples, but \d+ more bytes follow"):
            files.info(path)


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
