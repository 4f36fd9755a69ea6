"""The chunks of a WAV are found at their places, up to the first bytes that are none."""

import numpy as np
import pytest
import soundfile
from signals import RATE

from lib.audio.riff import Chunk, chunks

WAV = b"RIFF....WAVE" + b"fmt \2\0\0\0##"


@pytest.mark.parametrize("container, first", [("WAV", b"fmt "), ("RF64", b"ds64")])
def test_data_lie_where_libsndfile_wrote_them(tmp_path, container, first):
    samples = np.arange(1, 1001, dtype=np.int16)
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, RATE, "PCM_16", format=container)
    content = path.read_bytes()
    found = {chunk.name: chunk for chunk in chunks(content)}
    start, n_bytes = found[b"data"][1:]
    assert next(iter(found)) == first
    np.testing.assert_array_equal(np.frombuffer(content[start : start + n_bytes], "<i2"), samples)


@pytest.mark.parametrize(
    "rest, expected",
    [
        (b"", []),
        (b"data\x04\0\0\0####", [Chunk(b"data", 30, 4)]),
        (b"data\xff\xff\xff\xff####", [Chunk(b"data", 30, 0xFFFFFFFF)]),  # a pipe
        (b"data\x09\0\0\0####", [Chunk(b"data", 30, 9)]),  # truncated
        (b"data\x04\0\0\0####TAG\0\0\0\0\0\0", [Chunk(b"data", 30, 4)]),
        (b"data\x04\0\0\0####LIST\x09\0\0\0####", [Chunk(b"data", 30, 4)]),
    ],
)
def test_what_is_no_chunk_ends_the_list(rest, expected):
    assert list(chunks(WAV + rest)) == [Chunk(b"fmt ", 20, 2), *expected]
