"""Audio files keep their samples, and a file that cannot be used is named with its reason."""

import numpy as np
import pytest
from signals import RATE, file_size_limit, noise, odd_and_bad_speech, overstated_mp3, write

from lib.audio import files


def test_what_is_written_is_read_to_24_bits_at_its_own_level(tmp_path):
    signal = noise(0.5, 0.2)
    path = files.write(tmp_path / "new" / "a.flac", signal, RATE)
    assert files.info(path) == files.Info("FLAC", "PCM_24", RATE, 1, len(signal))
    assert files.info(path).bits == 24 and files.info(path).duration == 0.5
    assert np.abs(files.read(path) - signal).max() <= 2.0**-24  # half a step
    assert [file.name for file in path.parent.iterdir()] == ["a.flac"]


@pytest.mark.parametrize("signal", [np.array([0.0, -1.01]), np.array([0.0, np.nan])])
def test_a_signal_that_would_clip_is_refused_and_leaves_no_file(tmp_path, signal):
    with pytest.raises(files.AudioError, match=r"a\.flac: peak .*, expected at most 1\.0"):
        files.write(tmp_path / "a.flac", signal, RATE)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_no_file(tmp_path):
    with pytest.raises(OSError, match=r"File too large: '.*a\.flac'"), file_size_limit(10_000):
        files.write(tmp_path / "a.flac", noise(1.0), RATE)
    assert not list(tmp_path.iterdir())


def test_a_part_is_read_by_its_first_sample_and_its_length(tmp_path):
    ramp = np.arange(1000) / 1024
    path = write(tmp_path / "a.wav", ramp, subtype="FLOAT")
    np.testing.assert_array_equal(files.read(path, start=200, n_samples=300), ramp[200:500])
    np.testing.assert_array_equal(files.read(path, start=900), ramp[900:])
    with pytest.raises(files.AudioError, match="100 samples from 900 on, 200 expected"):
        files.read(path, start=900, n_samples=200)


def test_an_mp3_that_ends_half_a_second_early_is_whole_and_a_truncated_one_is_refused(tmp_path):
    signal = noise(2.0, 0.2)
    path = overstated_mp3(tmp_path / "a.mp3", signal, n_frames=15)
    found = files.read(path)
    n_missing = files.info(path).n_samples - len(found)
    assert 0.3 < n_missing / RATE < 0.5 and 0 <= len(found) - len(signal) < 1_152
    # A part that is asked for by its length is that long.
    with pytest.raises(files.AudioError, match="truncated"):
        files.read(path, n_samples=len(found) + 1)
    with pytest.raises(files.AudioError, match=r"b\.mp3: \d+ samples from 0 on, \d+ expected"):
        files.read(overstated_mp3(tmp_path / "b.mp3", signal, n_frames=40))


def test_two_channels_become_their_mean_or_the_first_one(tmp_path):
    left, right = np.full(480, 0.5), np.full(480, -0.25)
    path = write(tmp_path / "a.wav", np.stack([left, right], axis=1), subtype="FLOAT")
    assert (files.read(path) == 0.125).all()
    assert (files.read(path, first_channel=True) == 0.5).all()


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_a_resampled_tone_keeps_its_frequency_level_and_duration(tmp_path, rate):
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)
    signal = files.read(write(tmp_path / "a.wav", tone, rate, "FLOAT"), RATE)
    assert signal.dtype == np.float32 and len(signal) == RATE
    middle = slice(RATE // 4, 3 * RATE // 4)
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    assert np.abs(signal - expected)[middle].max() < 1e-4


def test_files_are_found_by_their_suffix_in_order_and_hidden_ones_are_left_out(tmp_path):
    names = ["b.wav", "a/z.FLAC", ".hidden.wav", ".cache/c.wav", "notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in files.find(tmp_path)]
    assert found == ["a/z.FLAC", "b.wav"]
    assert [path.name for path in files.find(tmp_path, "a/*")] == ["z.FLAC"]


@pytest.mark.parametrize(
    "name, reason",
    [
        ("nowhere.wav", "there is no such file"),
        ("empty.wav", "the file is empty"),
        ("text.wav", "not readable as audio"),
        ("truncated.flac", "not readable as audio|truncated"),
        ("nan.wav", "10 samples are NaN or infinite"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_reason(tmp_path, name, reason):
    odd_and_bad_speech(tmp_path)
    with pytest.raises(files.AudioError, match=rf"{name}: .*({reason})"):
        files.read(tmp_path / "odd" / name)
