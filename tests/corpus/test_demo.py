"""The embedded corpus: made once, the same each time, finished where it was cut short, and as its names say."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

from lib.audio import files
from lib.audio.bandwidth import bandwidth_hz
from lib.audio.files import SAMPLE_RATE
from lib.audio.levels import level_db
from lib.corpus import demo
from lib.corpus.noises import NOISES
from lib.corpus.piper import N_CORPUS, SENTENCES
from lib.corpus.rooms import direct_path, make_rooms, t60

RATE = SAMPLE_RATE


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> demo.DemoFolders:
    return demo.make(tmp_path_factory.mktemp("embedded") / "demo", n_sentences=3, n_rooms=3)


def content(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in files.find(folder)
    }


def test_a_corpus_holds_what_was_asked_for_in_folders_by_speaker(made):
    assert [p.relative_to(made.speech).as_posix() for p in files.find(made.speech)] == [
        "joe/joe_001.flac",
        "joe/joe_002.flac",
        "joe/joe_003.flac",
    ]
    assert [p.stem for p in files.find(made.noise)] == sorted(NOISES)
    assert len(files.find(made.rooms)) == 3


def test_a_second_call_does_nothing_again(made):
    before = {p: p.stat().st_mtime_ns for folder in made for p in files.find(folder)}
    assert demo.make(made.speech.parent, n_sentences=3, n_rooms=3) == made
    assert {p: p.stat().st_mtime_ns for folder in made for p in files.find(folder)} == before


def test_a_corpus_that_was_cut_short_is_finished_with_the_same_bytes(made):
    folder, part = made.speech.parent, made.speech.parent.with_name(".demo.part")
    expected, kept = content(folder), folder / "speech/joe/joe_001.flac"
    folder.rename(part)  # as a killed `make` leaves it: all but two files
    for name in ("speech/joe/joe_003.flac", "noise/babble_2.flac"):
        (part / name).unlink()
    time = (part / "speech/joe/joe_001.flac").stat().st_mtime_ns
    demo.make(folder, n_sentences=3, n_rooms=3)
    assert content(folder) == expected and kept.stat().st_mtime_ns == time and not part.exists()


def test_two_corpora_of_one_seed_have_the_same_bytes_and_of_another_seed_others(made, tmp_path):
    again = demo.make(tmp_path / "demo", n_sentences=1, n_rooms=3)
    assert content(again.rooms) == content(made.rooms) and content(again.noise) == content(
        made.noise
    )
    assert content(again.speech)["joe/joe_001.flac"] == content(made.speech)["joe/joe_001.flac"]
    other = make_rooms(tmp_path / "other", n_rooms=3, seed=1)
    assert not set(content(other).values()) & set(content(made.rooms).values())


def test_other_settings_replace_what_was_made(tmp_path):
    folder = make_rooms(tmp_path / "rooms", n_rooms=2)
    make_rooms(folder, n_rooms=1)
    assert len(files.find(folder)) == 1


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    mine = files.write(tmp_path / "rooms" / "mine.flac", np.ones(10), RATE)
    with pytest.raises(FileExistsError, match="rooms exists and was not made here"):
        make_rooms(tmp_path / "rooms", n_rooms=1)
    assert mine.exists()


def test_without_piper_one_line_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "piper", None)  # Python's own way to make an import fail
    with pytest.raises(RuntimeError, match=r"needs piper: pip install -e \"\.\[demo\]\""):
        demo.make(tmp_path / "demo", n_sentences=1)


@pytest.mark.parametrize("n_sentences", [0, 161])
def test_a_number_of_sentences_that_there_is_not_is_refused(n_sentences, tmp_path):
    with pytest.raises(ValueError, match=f"{n_sentences}, expected 1 to 160"):
        demo.make(tmp_path / "demo", n_sentences=n_sentences)


def test_sentences_are_distinct_and_of_5_to_14_words():
    assert len(set(SENTENCES)) == len(SENTENCES) == N_CORPUS + 16
    assert {len(sentence.split()) for sentence in SENTENCES} <= set(range(5, 15))


def test_speech_is_22_khz_of_one_to_six_seconds_at_levels_within_the_range(made):
    for path in files.find(made.speech):
        head = files.info(path)
        assert (head.sample_rate, head.channels, head.codec) == (22_050, 1, "PCM_24")
        assert 1 < head.duration < 6
        low, high = demo.SPEECH_DB
        assert (
            low - 3 < level_db(files.read(path)) < high + 0.1
        )  # less where the peak would exceed full scale


def test_speech_at_48_khz_holds_11_khz(made):
    for path in files.find(made.speech):
        assert bandwidth_hz(files.read(path, RATE), RATE) == pytest.approx(11_025, rel=0.04)


def test_noises_are_full_band_files_of_20_s_without_silence(made):
    for path in files.find(made.noise):
        noise = files.read(path)
        assert files.info(path).sample_rate == RATE and len(noise) == 20 * RATE
        assert -45 < level_db(noise) < -25
        levels = [level_db(piece) for piece in np.split(noise, 100)]  # 0.2 s each
        assert min(levels) > level_db(noise) - 45, path.stem


@pytest.mark.parametrize("name, slope_db", [("white_1", 0.0), ("pink_1", -3.0), ("brown_1", -6.0)])
def test_coloured_noise_falls_by_its_slope_per_octave(made, name, slope_db):
    noise = files.read(made.noise / f"{name}.flac")
    power, hz = np.abs(np.fft.rfft(noise)) ** 2, np.fft.rfftfreq(len(noise), 1 / RATE)
    octaves = [
        10 * np.log10(power[(hz >= low) & (hz < 2 * low)].mean())
        for low in (100, 200, 400, 800, 1600)
    ]
    assert np.diff(octaves) == pytest.approx(slope_db, abs=0.5)


@pytest.mark.parametrize("mains_hz", [50, 60])
def test_hum_has_its_power_at_multiples_of_the_mains(made, mains_hz):
    noise = files.read(made.noise / f"hum_{mains_hz}hz.flac")
    power = np.abs(np.fft.rfft(noise)) ** 2  # 20 s: bins of 0.05 Hz
    assert power[:: 20 * mains_hz].sum() > 0.95 * power.sum()


def test_rooms_decay_as_their_names_say(made):
    for path in files.find(made.rooms):
        rir, named = files.read(path), float(path.stem.rpartition("_")[2])
        energy = np.cumsum(rir[::-1].astype(np.float64) ** 2)[::-1]
        level = 10 * np.log10(energy / energy[0])
        measured = (
            3 * (np.argmax(level < -25) - np.argmax(level < -5)) / RATE
        )  # of the fall by 20 dB
        assert measured == pytest.approx(named, rel=0.3) and 0.15 < named < 0.65


def test_rooms_start_with_their_direct_path(made):
    for path in files.find(made.rooms):
        rir = files.read(path)
        _, before = direct_path(rir)
        assert files.info(path).sample_rate == RATE and np.abs(rir).max() == pytest.approx(
            0.9, abs=1e-6
        )
        assert before == pytest.approx(RATE // 500, abs=2)  # 2 ms before it


@pytest.mark.parametrize("seconds", [0.2, 0.5])
def test_t60_of_decaying_noise_is_its_decay_time(seconds):
    t = np.arange(RATE) / RATE
    decaying = np.random.default_rng(0).standard_normal(RATE) * 10 ** (-3 * t / seconds)
    assert t60(decaying, RATE) == pytest.approx(seconds, rel=0.03)
