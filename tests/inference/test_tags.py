"""A restored recording has the tags of its source, and the chunks of a broadcast WAV."""

import struct

import numpy as np
import pytest
import soundfile
from signals import RATE, file_size_limit, noise, write

from lib.audio import files, riff
from lib.inference import target_file
from lib.inference.tags import read_tags

SIGNAL = noise(0.1)[:, None]


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


KEPT = [
    chunk(b"bext", b"Interview in the field".ljust(602, b"\0") + b"A=PCM\r\n"),
    chunk(b"cue ", struct.pack("<III4sIII", 1, 1, 4800, b"data", 0, 0, 4800)),
    chunk(b"LIST", b"adtl" + chunk(b"labl", struct.pack("<I", 1) + b"here\0\0")),
    chunk(b"iXML", b"<BWFXML><NOTE>odd</NOTE></BWFXML>"),
]
DROPPED = [chunk(b"levl", b"peaks of the samples"), chunk(b"PAD ", bytes(100))]


def broadcast_wav(path, container="WAV", tags=b""):
    """A WAV with `KEPT` and `DROPPED` behind its samples, and `tags` as they stand in LIST INFO."""
    soundfile.write(path, SIGNAL, RATE, "PCM_24", format=container)
    info = [chunk(b"LIST", b"INFO" + chunk(b"INAM", tags + b"\0"))] if tags else []
    content = bytearray(path.read_bytes() + b"".join([*KEPT, *DROPPED, *info]))
    if container == "WAV":
        content[4:8] = struct.pack("<I", len(content) - 8)
    path.write_bytes(content)
    return path


def copied(source, target):
    target_file.write(target, source, files.info(source), [SIGNAL])
    return target


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
def test_a_wav_keeps_what_broadcasters_and_editors_store(tmp_path, container):
    target = copied(broadcast_wav(tmp_path / "in.wav", container), tmp_path / "out.wav")
    content = target.read_bytes()
    chunks = list(riff.chunks(content))
    kept = [content[each.start - 8 : each.end] for each in chunks]
    assert all(each in kept for each in KEPT) and not any(each in kept for each in DROPPED)
    # The file says itself how long it is, and its samples are the same as without.
    place, width = (20, 8) if content[:4] == b"RF64" else (4, 4)
    assert int.from_bytes(content[place : place + width], "little") == len(content) - 8
    assert files.info(target) == files.info(tmp_path / "in.wav")
    np.testing.assert_allclose(soundfile.read(target)[0], SIGNAL[:, 0], atol=2.0**-23)


def test_other_containers_get_no_chunks(tmp_path):
    source = broadcast_wav(tmp_path / "in.wav")
    assert b"iXML" not in copied(source, tmp_path / "out.flac").read_bytes()
    flac = write(tmp_path / "in.flac", SIGNAL)
    assert [each.name for each in riff.chunks(copied(flac, tmp_path / "b.wav").read_bytes())] == [
        b"fmt ",
        b"data",
    ]


@pytest.mark.parametrize("stored", ["Müller".encode(), "Müller".encode("latin-1")])
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_umlauts_of_either_encoding_arrive(tmp_path, stored, suffix):
    """As UTF-8 alone, the Latin-1 letter would be a question mark."""
    source = broadcast_wav(tmp_path / "in.wav", tags=stored)
    assert read_tags(source)["title"] == "Müller"
    assert read_tags(copied(source, tmp_path / f"out.{suffix}"))["title"] == "Müller"


def test_a_full_disk_is_found_out_at_the_last_chunk(tmp_path):
    source = broadcast_wav(tmp_path / "in.wav")
    n_bytes = copied(source, tmp_path / "out.wav").stat().st_size
    with pytest.raises(OSError, match="File too large"), file_size_limit(n_bytes - 1):
        copied(source, tmp_path / "again.wav")
    assert not (tmp_path / "again.wav").exists()
