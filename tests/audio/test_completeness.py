"""A file that was cut off, interrupted or joined is refused; one with an odd header is not."""

import pytest
from signals import RATE, joined, noise, write

from lib.audio import files
from lib.audio.opening import AudioError


@pytest.mark.parametrize("suffix", ["ogg", "opus", "flac"])
def test_other_joined_files_are_refused(tmp_path, suffix):
    form = {"format": "OGG", "subtype": "OPUS"} if suffix == "opus" else {}
    part = write(tmp_path / f"a.{suffix}", noise(1.0), **form)
    assert files.info(part).n_samples == RATE
    path = joined(tmp_path / f"joined.{suffix}", part, part)
    with pytest.raises(AudioError, match=rf"joined\.{suffix}: several files, one behind the other"):
        files.info(path, whole=True)
    with pytest.raises(AudioError, match="several files"):
        files.read(path)


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


@pytest.mark.parametrize(
    "name, form",
    [
        ("a.wav", {}),
        ("a.wav", {"format": "RF64"}),
        ("a.wav", {"endian": "BIG"}),
        ("a.aiff", {}),
        ("a.au", {}),
        ("a.au", {"endian": "LITTLE"}),
        ("a.w64", {}),
    ],
)
def test_the_first_half_of_a_file_is_no_file(tmp_path, name, form):
    """libsndfile reads 23,978 of 48,000 samples and says nothing."""
    path = write(tmp_path / name, noise(1.0), **form)
    content = path.read_bytes()
    path.write_bytes(content[:-64])
    assert files.info(path).n_samples >= RATE - 32  # a header that is off by itself
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=rf"{name}: it is cut off \(\d+ bytes are missing\)"):
        files.info(path)


@pytest.mark.parametrize("form", [{}, {"subtype": "OPUS"}], ids=["Vorbis", "Opus"])
def test_an_ogg_file_ends_with_its_last_page(tmp_path, form):
    path = write(tmp_path / "a.ogg", noise(5.0), **form)
    content = path.read_bytes()
    assert len(files.read(path)) == 5 * RATE
    for n_bytes in (len(content) - 1, content.rindex(b"OggS")):
        path.write_bytes(content[:n_bytes])
        with pytest.raises(AudioError, match="cut off"):
            files.read(path)
