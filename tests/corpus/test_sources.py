"""Folders that are given, or the embedded corpus; files, speakers and copies at 48 kHz."""

from pathlib import Path

import numpy as np
import pytest
from signals import RATE, overstated_mp3, voiced, write

from lib.audio.files import info, read
from lib.config.base import build
from lib.config.prepare import Prepare
from lib.corpus import demo, sources


@pytest.fixture
def embedded(monkeypatch, tmp_path):
    """Stand-ins for the embedded corpus and the bank of rooms."""
    folders = demo.DemoFolders(tmp_path / "speech", tmp_path / "noise", tmp_path / "rooms")
    monkeypatch.setattr(demo, "make", lambda: folders)
    monkeypatch.setattr(demo, "make_noise", lambda: folders.noise)
    monkeypatch.setattr(sources, "make_rooms", lambda: folders.rooms)
    return folders


def test_each_folder_that_is_not_given_is_the_embedded_one(embedded, tmp_path):
    assert sources.choose() == sources.Sources(*embedded)
    mine = tmp_path / "mine"
    assert sources.choose(str(mine)) == sources.Sources(mine, embedded.noise, embedded.rooms)
    assert sources.choose("", "", str(mine)) == sources.Sources(
        embedded.speech, embedded.noise, mine
    )


def test_nothing_is_synthesised_where_all_folders_are_given(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "make", lambda: pytest.fail("the embedded corpus was made"))
    monkeypatch.setattr(sources, "make_rooms", lambda: pytest.fail("rooms were made"))
    folder = str(tmp_path)
    assert sources.choose(folder, folder, folder) == sources.Sources(*[tmp_path] * 3)


def test_beside_own_speech_no_sentence_is_spoken(monkeypatch, embedded, tmp_path):
    monkeypatch.setattr(demo, "make", lambda: pytest.fail("the embedded corpus was made"))
    mine = tmp_path / "mine"
    assert sources.choose(mine) == sources.Sources(mine, embedded.noise, embedded.rooms)


def test_no_room_is_simulated_where_no_utterance_is_put_into_one(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "make_rooms", lambda: pytest.fail("rooms were made"))
    mine = {"speech_dir": str(tmp_path), "noise_dir": str(tmp_path)}
    dry = sources.from_parameters(build(Prepare, mine | {"p_reverb": 0}))
    assert dry == sources.Sources(tmp_path, tmp_path)
    monkeypatch.setattr(sources, "make_rooms", lambda: tmp_path / "rooms")
    wet = sources.from_parameters(build(Prepare, mine | {"p_reverb": 0.1}))
    assert wet == sources.Sources(tmp_path, tmp_path, tmp_path / "rooms")


def test_a_relative_folder_counts_from_where_the_command_was_typed(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert sources.choose("speech", "noise", "rooms").speech == tmp_path / "speech"


def test_recorded_pairs_are_read_from_two_folders_or_from_that_of_the_csv(tmp_path):
    for name in ("clean", "noisy"):
        (tmp_path / name).mkdir()
    folders = {"speech_dir": str(tmp_path / "clean"), "noisy_dir": str(tmp_path / "noisy")}
    given = sources.from_parameters(build(Prepare, folders))
    assert given == sources.Sources(tmp_path / "clean", noisy=tmp_path / "noisy")
    (tmp_path / "pairs.csv").write_text("clean,noisy\n")
    given = sources.from_parameters(build(Prepare, {"pairs_csv": str(tmp_path / "pairs.csv")}))
    assert given == sources.Sources(tmp_path, noisy=tmp_path)


def test_files_are_found_by_pattern_in_the_order_of_their_names(tmp_path):
    for name in ("b/2.wav", "a/1.flac", "a/2.wav", ".hidden/3.wav"):
        write(tmp_path / name, voiced(0.1))
    (tmp_path / "a" / "notes.txt").write_text("no audio")
    assert sources.find_files(tmp_path, "speech") == ["a/1.flac", "a/2.wav", "b/2.wav"]
    assert sources.find_files(tmp_path, "speech", "*/2.*") == ["a/2.wav", "b/2.wav"]
    with pytest.raises(ValueError, match=r"no noise files in it \(looked for c/\* with"):
        sources.find_files(tmp_path, "noise", "c/*")


def test_a_path_without_a_speaker_is_refused():
    with pytest.raises(ValueError, match=r"speaker_pattern = 'reader_.*every path must name"):
        sources.speaker_of("a.wav", Path("anna"), r"reader_(\d+)")


def test_another_rate_is_copied_at_48_khz_once(tmp_path):
    slow = write(tmp_path / "slow.wav", voiced(1.0, 3, 16_000), 16_000)
    right = write(tmp_path / "right.wav", voiced(1.0), subtype="PCM_24")
    same, copy = sources.at_48_khz([right, slow])
    assert same == right and info(copy).sample_rate == RATE
    time = copy.stat().st_mtime_ns
    assert sources.at_48_khz([slow]) == [copy] and copy.stat().st_mtime_ns == time
    np.testing.assert_allclose(read(copy), read(slow, RATE), atol=1e-6)


def test_an_mp3_is_copied_even_at_48_khz_since_its_parts_cannot_be_read_exactly(tmp_path):
    path = overstated_mp3(tmp_path / "a.mp3", voiced(1.0), n_frames=15)
    (copy,) = sources.at_48_khz([path])
    signal = read(path)
    assert info(copy).n_samples == len(signal) < info(path).n_samples
    np.testing.assert_allclose(read(copy, start=20_000), signal[20_000:], atol=1e-6)


def test_a_file_that_changed_gets_another_copy(tmp_path):
    stereo = np.stack([voiced(0.2), voiced(0.2, 1)], axis=1)
    path = write(tmp_path / "stereo.wav", stereo)
    (first,) = sources.at_48_khz([path])
    assert info(first).channels == 1
    write(path, stereo[: RATE // 10])
    (second,) = sources.at_48_khz([path])
    assert second != first and info(second).n_samples == RATE // 10
