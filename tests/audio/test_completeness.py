"""A file that was cut off, interrupted or joined is refused; one with an odd header is not."""

import numpy as np
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
        ("a.caf", {"endian": "LITTLE"}),
        ("a.nist", {"format": "NIST", "subtype": "PCM_24"}),
        ("a.sph", {"format": "NIST", "subtype": "ULAW"}),
        ("a.avr", {}),
        ("a.svx", {}),
        ("a.mpc", {"format": "MPC2K", "sample_rate": 44_100}),
        ("a.mat", {"format": "MAT4"}),
        ("a.mat", {"format": "MAT5"}),
        ("a.wve", {"subtype": "ALAW", "sample_rate": 8_000}),
    ],
    ids=str,
)
def test_the_first_half_of_a_file_is_no_file(tmp_path, name, form):
    """libsndfile reads 23,978 of 48,000 samples and says nothing."""
    path = write(tmp_path / name, noise(1.0), **form)
    content = path.read_bytes()
    path.write_bytes(content[:-64])
    assert files.info(path).n_samples >= RATE - 64  # a header that is off by itself
    # libsndfile itself refuses a CAF file that lacks more than 4 KB.
    path.write_bytes(content[: -4_000 if name == "a.caf" else len(content) // 2])
    with pytest.raises(AudioError, match=rf"{name}: it is cut off \(\d+ .* are missing\)"):
        files.info(path)


@pytest.mark.parametrize("subtype", ["PCM_16", "ULAW"])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_a_voc_file_ends_with_its_last_sample(tmp_path, subtype, n_channels):
    signal = np.stack([noise(1.0)] * n_channels, axis=1)
    path = write(tmp_path / "a.voc", signal, subtype=subtype)
    content = path.read_bytes()
    assert files.info(path).n_samples == pytest.approx(RATE, abs=1)
    for n_bytes in (len(content) - 4, len(content) // 2):
        path.write_bytes(content[:n_bytes])
        with pytest.raises(AudioError, match=r"a\.voc: it is cut off"):
            files.info(path)


def test_the_last_packet_of_an_alac_file_is_missed(tmp_path):
    """Without its last byte libsndfile reads 45,056 of 48,000 samples and says nothing."""
    path = write(tmp_path / "a.caf", noise(1.0), subtype="ALAC_16")
    assert files.info(path).n_samples == RATE
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(AudioError, match=r"a\.caf: it is cut off \(2944 samples are missing\)"):
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
