"""MP3 frames are counted: the length of a file that does not tell it is known."""

import numpy as np
import pytest
import soundfile
from signals import RATE, mp3_without_count, noise, overstated_mp3, write

from lib.audio import files, mp3


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
    assert mp3.count_frames(path) == expected._replace(
        start=len(tag), first=expected.first + len(tag)
    )


def test_a_file_without_frames_has_no_count(tmp_path):
    (tmp_path / "a.mp3").write_bytes(b"ID3" + 200 * b"\xff")
    assert mp3.count_frames(tmp_path / "a.mp3") is None


def quieter(seconds):
    """Noise and then silence, whose frames are smaller."""
    return np.concatenate([noise(seconds), np.zeros(round(seconds * RATE), np.float32)])


def constant_rate(path, signal):
    """An MP3 of one bit rate without its first frame: libsndfile guesses its length right."""
    form = {"bitrate_mode": "CONSTANT", "compression_level": 0.2}
    content = write(path, signal, **form).read_bytes()
    path.write_bytes(content[mp3.parse_header(content[:4]).n_bytes :])
    return path


def test_a_file_whose_length_is_guessed_right_stays_as_it_is(tmp_path):
    path = constant_rate(tmp_path / "a.mp3", noise(1.0))
    np.testing.assert_array_equal(files.read(path), soundfile.read(path, dtype="float32")[0])


def test_what_stands_between_tags_and_frames_is_left_out(tmp_path):
    """A tag that says a wrong size, and its content behind it."""
    path = mp3_without_count(tmp_path / "a.mp3", quieter(3.0))
    expected = files.read(path)
    path.write_bytes(b"ID3\x03\0\0\0\0\0\x0a" + bytes(900) + path.read_bytes())
    np.testing.assert_array_equal(files.read(path), expected)


def test_only_a_count_that_is_missing_or_too_low_is_replaced(tmp_path):
    paths = {
        "told": write(tmp_path / "a.mp3", noise(1.0)),
        "too high": overstated_mp3(tmp_path / "b.mp3", noise(1.0), n_frames=15),
        "too low": overstated_mp3(tmp_path / "c.mp3", noise(1.0), n_frames=-15),
        "missing": mp3_without_count(tmp_path / "d.mp3", quieter(1.0)),
        "missing, but guessed": constant_rate(tmp_path / "e.mp3", noise(1.0)),
    }
    replaced = {}
    for name, path in paths.items():
        with open(path, "rb") as file:
            frames, guess = mp3.count_frames(path), soundfile.info(path).frames
            replaced[name] = mp3.with_count(file, frames, guess) is not None
    assert [name for name in replaced if replaced[name]] == ["too low", "missing"]
    assert mp3.count_frames(paths["missing"]).n_frames >= RATE / 1152
