"""What a corpus is said to hold is what was put into it."""

import json

import numpy as np
import pandas as pd
import pytest
from signals import RATE, noise, vowel, write

from lib.corpus import overview
from lib.corpus.manifest import OPTIONAL, corpus_folder

CORPUS = "overview"
PLAIN = {
    "group": "",
    "noisy_path": "",
    "item": 0,
    "snr_db": 5.0,
    "rir": "",
    "second_noise_path": "",
    "lowpass_hz": 0.0,
    "clip_db": 0.0,
    "bandwidth_hz": 24_000.0,
    "sample_rate": RATE,
    "n_samples": 2 * RATE,
    "verdict": "ok",
    **OPTIONAL,
}


def manifest_of(*rows):
    """A manifest of rows (speaker, split, clean_path, what differs)."""
    table = pd.DataFrame(
        [
            PLAIN | {"speaker": speaker, "split": split, "clean_path": path} | differs
            for speaker, split, path, differs in rows
        ]
    )
    return table.assign(id=[f"pair_{i}" for i in range(len(table))], clean=table.clean_path)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Anna, quiet, in all splits, and Ben, held out, whose pauses are 30 dB below speech."""
    speech = tmp_path_factory.mktemp("overview")
    folder = corpus_folder(CORPUS)
    for name, floor in (("anna", 0.001), ("ben", 10 ** (-30 / 20))):
        for i in range(3):
            rms = np.sqrt(np.mean(vowel(120) ** 2))
            write(folder / f"{name}_{i}.flac", spoken(rms, floor, seed=i), subtype="PCM_24")
    settings = {"sources": {"speech": str(speech)}, "settings": {"plan": "0123"}}
    (folder / "plan.json").write_text(json.dumps(settings))
    (folder / "manifest.csv").write_text("the bytes of a manifest\n")
    test = {"group": "unseen speaker", "bandwidth_hz": 8_000.0}
    return manifest_of(
        ("anna", "train", "anna_0.flac", {}),
        ("anna", "train", "anna_0.flac", {"item": 1, "speed": 1.25, "n_samples": 1.6 * RATE}),
        ("anna", "train", "anna_1.flac", {"snr_db": np.nan, "codec": "mp3"}),
        ("anna", "valid", "anna_2.flac", {"rir": "room.wav"}),
        ("ben", "test", "ben_0.flac", test),
        ("ben", "test", "ben_1.flac", test | {"bandwidth_hz": 7_000.0}),
        ("ben", "test", "ben_2.flac", test | {"verdict": "refused"}),
    )


def spoken(rms, floor, seed):
    """A vowel of 1 s, 0.8 s of noise at `floor` re it, and digital silence."""
    quiet = floor * rms * noise(0.8, level=1.0, seed=seed)
    return np.concatenate([vowel(120, 1.0), quiet, np.zeros(RATE // 5, np.float32)])


@pytest.fixture(scope="module")
def table(rows):
    return overview.speakers(CORPUS, rows)


def test_a_recording_counts_once_at_its_own_speed_and_a_refused_one_not_at_all(table):
    minutes = table[["minutes_train", "minutes_valid", "minutes_test"]] * 60
    assert minutes.loc["anna"].tolist() == pytest.approx([4.0, 2.0, 0.0])
    assert minutes.loc["ben"].tolist() == pytest.approx([0.0, 0.0, 4.0])
    pairs = table[["pairs_train", "pairs_valid", "pairs_test"]]
    assert pairs.loc["anna"].tolist() == [3, 1, 0] and pairs.loc["ben"].tolist() == [0, 0, 2]


def test_pieces_and_several_noisy_recordings_of_one_clean_recording_are_that_recording():
    piece = {"n_samples": RATE}
    cut = manifest_of(*[("anna", "train", "a.wav", piece | {"item": i // 3}) for i in range(6)])
    assert overview.distinct_minutes(cut).tolist() == pytest.approx([3 / 60])
    noisy = [("anna", "train", "a.wav", {"noisy_path": f"{i}.wav"}) for i in range(2)]
    assert overview.distinct_minutes(manifest_of(*noisy)).tolist() == pytest.approx([2 / 60])


def test_the_pauses_are_the_recordings_noise_and_the_held_out_speaker_comes_first(table):
    assert table.index.tolist() == ["ben", "anna"] and table.held_out.tolist() == [True, False]
    # The quietest of many stretches of noise lies up to 1.5 dB below their mean.
    assert -31.5 < table.pauses_db["ben"] < -29.5 and -61.5 < table.pauses_db["anna"] < -59.5
    band = table.loc["ben", ["lowest_bandwidth_hz", "bandwidth_hz", "highest_bandwidth_hz"]]
    assert band.tolist() == [7_000, 7_500, 8_000]


def test_words_without_pauses_seem_noisy_and_silence_has_no_level():
    assert -3 < overview.quietest_db(vowel(120)) < 1
    assert np.isnan(overview.quietest_db(np.zeros(RATE)))


def test_only_loud_pauses_get_a_remark(table):
    remark = overview.loud_pauses(table)
    assert f"ben ({table.pauses_db['ben']:.1f} dB)" in remark and "anna" not in remark
    assert overview.loud_pauses(table.loc[["anna"]]) == ""


def test_languages_are_shown_where_the_folder_of_speech_names_them(rows, table):
    assert "language" not in table
    folder = corpus_folder(CORPUS)
    speech = json.loads((folder / "plan.json").read_text())["sources"]["speech"]
    about = pd.DataFrame({"speaker": ["anna"], "language": ["Dutch"], "sex": ["F"]})
    about.to_csv(f"{speech}/{overview.ABOUT_SPEAKERS}", index=False)
    said = overview.speakers(CORPUS, rows)
    assert said.loc["anna", ["language", "sex"]].tolist() == ["Dutch", "F"]
    assert said.loc["ben", ["language", "sex"]].isna().all()


def test_pairs_are_counted_by_snr_and_those_without_noise_and_recorded_ones_apart(rows):
    counts = overview.snr_counts(rows)
    assert counts.index.tolist() == ["5", "no noise"]
    assert counts.to_numpy().tolist() == [[2, 1, 2], [1, 0, 0]]
    recorded = rows.assign(snr_db=np.nan, noisy_path="a.wav")
    assert overview.snr_counts(recorded).index.tolist() == ["recorded"]
    many = pd.concat([rows[:1].assign(snr_db=snr_db) for snr_db in np.arange(-5.0, 11.0)])
    assert overview.snr_counts(many).train.to_dict() == {"-5": 3, "0": 5, "5": 5, "10": 3}


def test_shares_are_of_a_splits_pairs_and_only_what_occurs_has_a_row(rows):
    shares = overview.condition_shares(rows)
    assert shares.index.tolist() == ["in a room", "other speed", "codec"]
    assert shares.train.tolist() == pytest.approx([0, 1 / 3, 1 / 3])
    assert shares.valid.tolist() == [1, 0, 0] and shares.test.tolist() == [0, 0, 0]


def test_a_corpus_is_known_by_its_hashes(rows):
    what = overview.identity(CORPUS, rows).value
    assert what["plan sha256"] == "0123" and len(what["manifest sha256"]) == 64
    assert (what["pairs"], what["pairs refused"], what["speakers"]) == (6, 1, 2)
    assert what["minutes of distinct clean speech"] == "0.2"
