"""MP3 frames are counted: the length of a file that does not tell it is known."""

import numpy as np
import pytest
from signals import RATE, mp3_without_count, noise, overstated_mp3, write

from lib.audio import mp3


@pytest.mark.parametrize(
    "rate, n_samples", [(48_000, 1152), (44_100, 1152), (24_000, 576), (11_025, 576)]
)
@pytest.mark.parametrize("channels", [1, 2])
def test_the_frames_hold_the_signal_and_at_most_a_few_more(tmp_path, rate, n_samples, channels):
    signal = np.tile(noise(1.0)[:rate, None], channels)
    frames = mp3.count_frames(write(tmp_path / "a.mp3", signal, rate))
    assert frames.header[:2] == ({48: 3, 44: 3, 24: 2, 11: 0}[rate // 1000], rate)
    assert frames.header.n_samples == n_samples and frames.header.mono == (channels == 1)
    assert frames.n_frames == frames.announced
    assert 0 <= frames.n_frames * n_samples - len(signal) <= mp3.MAX_PADDING * n_samples


def test_tags_in_front_and_behind_are_no_frames(tmp_path):
    path = write(tmp_path / "a.mp3", noise(1.0))
    expected = mp3.count_frames(path)
    # A picture may hold what looks like a frame.
    picture = path.read_bytes()[:2000]
    tag = b"ID3\x04\0\0" + bytes([0, 0, len(picture) >> 7, len(picture) & 127]) + picture
    path.write_bytes(tag + path.read_bytes() + b"TAG" + bytes(125))
    assert mp3.count_frames(path) == expected._replace(first=len(tag))


def test_a_file_without_frames_has_no_count(tmp_path):
    (tmp_path / "a.mp3").write_bytes(b"ID3" + 200 * b"\xff")
    assert mp3.count_frames(tmp_path / "a.mp3") is None


def test_only_a_count_that_is_missing_or_too_low_is_replaced(tmp_path):
    paths = {
        "told": write(tmp_path / "a.mp3", noise(1.0)),
        "too high": overstated_mp3(tmp_path / "b.mp3", noise(1.0), n_frames=15),
        "too low": overstated_mp3(tmp_path / "c.mp3", noise(1.0), n_frames=-15),
        "missing": mp3_without_count(tmp_path / "d.mp3", noise(1.0)),
    }
    replaced = {}
    for name, path in paths.items():
        with open(path, "rb") as file:
            replaced[name] = mp3.with_count(file, mp3.count_frames(path)) is not None
    assert replaced == {"told": False, "too high": False, "too low": True, "missing": True}
    assert mp3.count_frames(paths["missing"]).n_frames >= RATE / 1152
