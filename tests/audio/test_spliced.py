"""Some bytes are replaced while a file is read: what comes out is the file with the new bytes."""

import io

import numpy as np
import pytest

from lib.audio.spliced import Spliced


@pytest.mark.parametrize(
    "start, stop, new", [(3, 7, b"--"), (0, 0, b"front"), (9, 9, b""), (2, 9, b"")]
)
def test_reads_of_any_size_from_any_place_are_those_of_the_new_content(start, stop, new):
    content = bytes(range(9))
    expected = content[:start] + new + content[stop:]
    file = Spliced(io.BytesIO(content), start, stop, new)
    rng = np.random.default_rng(0)
    for place, n_bytes in rng.integers(0, 12, (50, 2)).tolist():
        assert file.seek(place) == place
        assert file.read(n_bytes) == expected[place : place + n_bytes]
        assert file.tell() == max(place, min(place + n_bytes, len(expected)))
    assert file.seek(-1, 2) == len(expected) - 1 and file.read(5) == expected[-1:]
