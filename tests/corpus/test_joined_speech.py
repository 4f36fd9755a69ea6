"""Short recordings of a speaker are utterances on disk; long ones stay, and nothing is lost."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
from corpus.preparing import prepare
from signals import RATE, voiced, write

from lib.audio import files
from lib.config.base import build
from lib.config.prepare import Prepare
from lib.corpus import joined_speech, mix, plan
from lib.corpus.joined_speech import PARTS_FILE, UTTERANCE_S, join_short
from lib.corpus.sources import Sources

N_WORDS = 14


@pytest.fixture(scope="module")
def words(root, tmp_path_factory):
    """Two speakers with 14 words of 0.6 to 1.1 s at levels 20 dB apart, and an utterance of 3 s."""
    folder = tmp_path_factory.mktemp("words")
    for seed, speaker in enumerate(("anna", "ben")):
        for i in range(N_WORDS):
            word = voiced(0.6 + 0.04 * i, seed) * 10 ** (-(i % 5) / 4)
            silence = (4_800 * (i % 3), 2_400 * (i % 4))
            path = folder / "speech" / speaker / f"w{i:02d}.wav"
            write(path, np.pad(word, silence), subtype="PCM_24")
        write(folder / "speech" / speaker / "long.wav", voiced(3.0, seed), subtype="PCM_24")
    (folder / "noise").symlink_to(root / "noise")
    (folder / "rooms").symlink_to(root / "rooms")
    return folder


def join(root, **options):
    p = build(Prepare, {"join_below": 2.0, "n_processes": 1} | options)
    return join_short(p, Sources(root / "speech", root / "noise", root / "rooms")).speech


@pytest.fixture(scope="module")
def folder(words):
    return join(words)


@pytest.fixture(scope="module")
def parts(folder):
    return pd.read_csv(folder / PARTS_FILE)


def test_nothing_is_joined_unless_it_is_asked_for(words):
    assert join(words, join_below=0.0) == words / "speech"


def test_every_word_is_in_one_utterance_of_its_speaker_and_long_ones_are_links(parts, folder):
    assert len(parts) == 2 * (N_WORDS + 1) and not parts.source.duplicated().any()
    assert (parts.path.str.split("/").str[0] == parts.source.str.split("/").str[0]).all()
    assert (parts.speaker == parts.path.str.split("/").str[0]).all()
    assert sorted(parts.path.unique()) == sorted(
        path.relative_to(folder).as_posix() for path in files.find(folder)
    )
    assert (folder / "anna" / "long.wav").is_symlink()
    table = joined_speech.speech_files(folder).set_index("path")
    assert table.parts["anna/long.wav"] == "" and table.speaker["anna/long.wav"] == "anna"
    one = table.parts["anna/joined_0000.flac"].split("|")
    assert len(one) > 2 and set(one) < set(parts.source)


def test_utterances_have_their_length_and_their_pauses(parts, folder):
    joined = parts[parts.path.str.contains("joined")]
    seconds = pd.Series({path: files.info(folder / path).duration for path in joined.path.unique()})
    # The last words of a speaker may be too few.
    assert seconds.max() < UTTERANCE_S[1] + 0.5 and (seconds > UTTERANCE_S[0]).mean() >= 0.5
    for _, rows in joined.groupby("path"):
        stops = rows.start + rows.n_samples
        pauses = (rows.start.to_numpy()[1:] - stops.to_numpy()[:-1]) / RATE
        assert (pauses > 0.149).all() and (pauses < 0.601).all()


def test_words_of_an_utterance_have_one_level_and_one_voice(parts, folder):
    """Levels were up to 20 dB apart; each speaker's pitch moves by 10 % around its own."""
    pitches = {}
    for path, rows in parts[parts.path.str.contains("joined")].groupby("path"):
        signal = files.read(folder / path)
        levels = []
        for row in rows.itertuples():
            part = signal[row.start : row.start + row.n_samples]
            levels.append(mix.active_levels_db(part, part)[0])
            pitches.setdefault(path.split("/")[0], []).append(_pitch_hz(part))
        limited = rows.gain_db.abs() == joined_speech.MAX_GAIN_DB
        assert np.ptp(np.array(levels)[~limited.to_numpy()]) < 1.0
    for speaker, expected in (("anna", 110), ("ben", 120)):
        assert np.median(pitches[speaker]) == pytest.approx(expected, rel=0.1)
        assert np.ptp(pitches[speaker]) < 0.25 * expected


def _pitch_hz(part: np.ndarray) -> float:
    """By the peak of the autocorrelation between 80 and 300 Hz."""
    spectrum = np.abs(np.fft.rfft(part[: RATE // 2], 2 * RATE)) ** 2
    correlation = np.fft.irfft(spectrum)
    shortest, longest = RATE // 300, RATE // 80
    return RATE / (shortest + np.argmax(correlation[shortest:longest]))


def test_any_number_of_processes_writes_the_same_bytes_once(words, folder, tmp_path, monkeypatch):
    time = (folder / PARTS_FILE).stat().st_mtime_ns
    assert join(words, n_processes=2) == folder
    assert (folder / PARTS_FILE).stat().st_mtime_ns == time
    monkeypatch.setattr(joined_speech, "RUNS", tmp_path)
    other = join(words, n_processes=2)
    assert other.name == folder.name and other != folder
    for path in folder.rglob("*.*"):
        assert path.read_bytes() == (other / path.relative_to(folder)).read_bytes()


def test_words_are_joined_in_the_order_of_their_bandwidth():
    bands = [24_000.0, 8_000.0, 16_000.0] * 8
    columns = {"n_samples": RATE, "start": 0, "stop": RATE, "level_db": -20.0}
    table = pd.DataFrame(
        {"path": [f"{i}.wav" for i in range(24)], "speaker": "anna", "bandwidth_hz": bands}
    ).assign(content=lambda table: table.path, **columns)
    utterances = joined_speech.draw(table, seed=0)
    drawn = [part.word.bandwidth_hz for parts in utterances.values() for part in parts]
    assert drawn == sorted(bands)
    # One more word of another speaker changes nothing here.
    other = table.head(1).assign(speaker="ben", path="other.wav")
    more = joined_speech.draw(pd.concat([table, other]), seed=0)
    assert {name: more[name] for name in utterances} == utterances and len(more) > len(utterances)
    assert joined_speech.draw(table, seed=1) != utterances


def test_copies_and_bad_files_are_not_joined_and_are_named(words, tmp_path):
    shutil.copytree(words / "speech", tmp_path / "speech")
    shutil.copy(tmp_path / "speech/anna/w00.wav", tmp_path / "speech/ben/copy.wav")
    (tmp_path / "speech/ben/text.wav").write_text("no audio")
    folder = join(tmp_path)
    sources = pd.read_csv(folder / PARTS_FILE).source
    assert not {"ben/copy.wav", "ben/text.wav"} & set(sources)
    skipped = joined_speech.skipped_files(folder).set_index("path").reason
    assert skipped["ben/copy.wav"] == "the same audio as anna/w00.wav"
    assert "not readable" in skipped["ben/text.wav"]
    p = build(Prepare, {"n_processes": 1, "p_reverb": 0})
    folders = Sources(folder, words / "noise", words / "rooms")
    assert {"ben/copy.wav", "ben/text.wav"} <= set(plan.draw(p, folders).skipped.path)


def test_speakers_of_a_pattern_and_a_hold_out_survive_the_joining(words, tmp_path):
    for speaker in ("anna", "ben"):
        for path in sorted((words / "speech" / speaker).iterdir()):
            os.makedirs(tmp_path / "speech", exist_ok=True)
            (tmp_path / "speech" / f"reader_{speaker}_{path.name}").symlink_to(path)
    options = {"speaker_pattern": "reader_([a-z]+)", "speech_glob": "reader_*"}
    folder = join(tmp_path, holdout_speakers=["ben"], **options)
    p = build(Prepare, {"n_processes": 1, "p_reverb": 0, "holdout_speakers": ["ben"]} | options)
    rows = plan.draw(p, Sources(folder, words / "noise", words / "rooms")).rows
    assert set(rows.speaker) == {"anna", "ben"}
    assert set(rows[rows.speaker == "ben"].split) == {"test"}
    with pytest.raises(ValueError, match=r"held-out speaker \['bene'\] not found"):
        join(tmp_path, holdout_speakers=["bene"], **options)


def test_the_manifest_names_the_parts_and_no_word_is_in_two_splits(words, folder):
    joined = words.parent / "joined_root"
    joined.mkdir(exist_ok=True)
    for name, target in (
        ("speech", folder),
        ("noise", words / "noise"),
        ("rooms", words / "rooms"),
    ):
        (joined / name).symlink_to(target)
    drawn, _, manifest = prepare(joined, "joined", p_reverb=0.0, items_per_utterance=1)
    assert set(manifest.verdict) == {"ok"} and len(manifest) == len(drawn.rows)
    assert (manifest.parts[manifest.clean_path.str.contains("long")] == "").all()
    words_of = manifest.assign(word=manifest.parts.str.split("|")).explode("word")
    words_of = words_of[words_of.word != ""]
    assert len(words_of) == 2 * N_WORDS and not words_of.word.duplicated().any()
