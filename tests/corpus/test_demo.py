"""The embedded corpus: made once, the same each time, finished where it was cut short."""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest

from lib.audio import files
from lib.audio.bandwidth import bandwidth_hz
from lib.audio.files import SAMPLE_RATE
from lib.audio.levels import level_db
from lib.corpus import demo
from lib.corpus.noises import NOISES
from lib.runtime.once import MARKER


@pytest.fixture(scope="module")
def made(embedded, tmp_path_factory) -> demo.DemoFolders:
    """A copy that these tests may change."""
    root = tmp_path_factory.mktemp("own")
    shutil.copytree(embedded.speech.parents[1], root, dirs_exist_ok=True)
    return demo.DemoFolders(root / "demo" / "speech", root / "demo" / "noise", root / "rooms")


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files.find(folder)
    }


def test_a_corpus_holds_what_was_asked_for_in_folders_by_speaker(made):
    names = [path.relative_to(made.speech).as_posix() for path in files.find(made.speech)]
    assert names == [f"joe/joe_{number:03d}.flac" for number in range(1, 13)]
    assert [path.stem for path in files.find(made.noise)] == sorted(NOISES)
    assert len(files.find(made.rooms)) == 3


def test_a_second_call_writes_nothing(made):
    times = {path: path.stat().st_mtime_ns for folder in made for path in files.find(folder)}
    assert demo.make(made.speech.parent, n_sentences=12, n_rooms=3) == made
    after = {path: path.stat().st_mtime_ns for folder in made for path in files.find(folder)}
    assert after == times


def test_a_corpus_that_was_cut_short_is_finished_with_the_same_bytes(made):
    folder, part = made.speech.parent, made.speech.parent.with_name(".demo.part")
    expected = hashes(folder)
    folder.rename(part)  # as a killed `make` leaves it: all but three files
    for name in ("speech/joe/joe_003.flac", "noise/babble_2.flac", "noise/hum_50hz.flac"):
        (part / name).unlink()
    time = (part / "speech/joe/joe_001.flac").stat().st_mtime_ns
    demo.make(folder, n_sentences=12, n_rooms=3)
    assert hashes(folder) == expected and not part.exists()
    assert (folder / "speech/joe/joe_001.flac").stat().st_mtime_ns == time


def test_noises_alone_are_the_same_and_stay_where_they_are(made, monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "_make_speech", lambda *_: pytest.fail("sentences were spoken"))
    assert demo.make_noise(made.noise.parent) == made.noise
    # All but one are there, as a killed call leaves them: the babble takes long.
    part = tmp_path / ".demo_noise.part"
    shutil.copytree(made.noise, part / "noise")
    (part / MARKER).write_text(json.dumps({"version": 1, "seed": 0}))
    (part / "noise" / "hum_50hz.flac").unlink()
    alone = demo.make_noise(tmp_path / "demo")
    assert alone == tmp_path / "demo_noise" / "noise" and hashes(alone) == hashes(made.noise)
    (tmp_path / "demo").mkdir()
    assert demo.make_noise(tmp_path / "demo") == alone


def test_without_piper_one_line_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "piper", None)  # Python's own way to make an import fail
    with pytest.raises(RuntimeError, match=r"needs piper: pip install -e \"\.\[demo\]\""):
        demo.make(tmp_path / "demo", n_sentences=1)


@pytest.mark.parametrize("n_sentences", [0, 161])
def test_a_number_of_sentences_out_of_range_is_refused(n_sentences, tmp_path):
    with pytest.raises(ValueError, match=f"{n_sentences}, expected 1 to 160"):
        demo.make(tmp_path / "demo", n_sentences=n_sentences)


def test_speech_is_22_khz_of_one_to_six_seconds_at_levels_within_the_range(made):
    for path in files.find(made.speech):
        head = files.info(path)
        assert (head.sample_rate, head.channels, head.codec) == (22_050, 1, "PCM_24")
        assert 1 < head.duration < 6
        low, high = demo.SPEECH_DB
        # Less where the peak would exceed full scale.
        assert low - 3 < level_db(files.read(path)) < high + 0.1


def test_speech_at_48_khz_holds_11_khz(made):
    for path in files.find(made.speech):
        speech = files.read(path, SAMPLE_RATE)
        assert bandwidth_hz(speech, SAMPLE_RATE) == pytest.approx(11_025, rel=0.04)
