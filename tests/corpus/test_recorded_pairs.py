"""Recorded pairs: found by name or by CSV, split without leaks, aligned or refused by name."""

import numpy as np
import pytest
from signals import RATE, voiced, write

from lib.audio import files
from lib.config.base import build
from lib.config.prepare import Prepare
from lib.corpus import plan, sources
from lib.corpus.manifest import load_pair
from lib.corpus.render import render

CLEAN = {f"s{i}": voiced(2.0 + 0.1 * i, seed=i) for i in range(12)}


def noisy(name, lag=0, gain=1.0, cut=0, level=0.01):
    """CLEAN[name] in hiss: late by `lag`, at another gain, shorter by `cut` samples."""
    rng = np.random.default_rng(len(name) + abs(lag))
    late = np.concatenate([np.zeros(max(lag, 0)), CLEAN[name][max(-lag, 0) :]])
    late = gain * late[: len(late) - cut]
    return late + abs(gain) * level * rng.standard_normal(len(late))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Two folders of twelve recordings with equal names; name -> reason why it is refused."""
    root = tmp_path_factory.mktemp("recorded")
    times = np.arange(len(CLEAN["s10"]))
    cases = {
        "s0": (noisy("s0"), ""),
        "s1": (noisy("s1", lag=777), ""),
        "s2": (noisy("s2", lag=-1_234), ""),
        "s3": (noisy("s3", lag=5_000, gain=0.1), ""),
        "s4": (noisy("s4", lag=31, gain=-0.5), ""),
        "s5": (noisy("s5", cut=20_000), ""),
        "s6": (noisy("s6", lag=30_000), "cannot be aligned with clean within 500 ms"),
        "s7": (voiced(2.7, 77), "cannot be aligned"),
        "s8": (np.concatenate([noisy("s8"), np.zeros(2 * RATE)]), "lengths differ by +2.00 s"),
        "s9": (CLEAN["s9"], "noisy is clean (SI-SDR"),
        "s10": (np.interp(times * 1.0002, times, CLEAN["s10"]), "drifts"),
        "s11": (noisy("s11")[::3], "sample rates differ: clean 48000 Hz, noisy 16000 Hz"),
    }
    for name, (recording, _) in cases.items():
        write(root / "clean" / "anna" / f"{name}.wav", CLEAN[name], subtype="FLOAT")
        rate = 16_000 if name == "s11" else RATE
        write(root / "noisy" / "anna" / f"{name}.flac", np.clip(recording, -1, 1), rate, "PCM_24")
    write(root / "clean" / "anna" / "alone.wav", voiced(1.0, 30))
    (root / "noisy" / "anna" / "s0.txt").write_text("no audio, and no name for it")
    write(root / "clean" / "anna" / "broken.wav", voiced(1.0, 31))
    (root / "noisy" / "anna" / "broken.wav").write_text("this is no audio")
    return root, {name: reason for name, (_, reason) in cases.items()}


def two_folders(clean, noisy, **options):
    """Parameters for pairs of equal names in two folders."""
    folders = {"speech_dir": str(clean), "noisy_dir": str(noisy), "n_processes": 1}
    return build(Prepare, folders | options)


def csv(folder, lines, **options):
    """Parameters for the pairs that a CSV of these lines names."""
    (folder / "pairs.csv").write_text("\n".join(lines))
    return build(Prepare, {"pairs_csv": str(folder / "pairs.csv"), "n_processes": 1} | options)


def draw(p):
    return plan.draw(p, sources.from_parameters(p))


@pytest.fixture(scope="module")
def made(recorded):
    """Plan and manifest of the pairs of both folders, and the expected reasons."""
    root, reasons = recorded
    p = two_folders(root / "clean", root / "noisy")
    drawn = plan.draw(p, sources.from_parameters(p))
    manifest = render("recorded", drawn, sources.from_parameters(p))
    manifest.index = manifest.id.str.removeprefix("anna_")
    return drawn, manifest, reasons


def test_each_pair_is_used_or_refused_with_its_reason(made):
    _, manifest, reasons = made
    assert set(manifest.index) == set(reasons)
    for name, reason in reasons.items():
        row = manifest.loc[name]
        assert row.verdict == ("refused" if reason else "ok"), name
        assert reason in row.reason, (name, row.reason)
    assert set(manifest.split) == {"train", "valid", "test"} and set(manifest.speaker) == {"anna"}


def test_lag_gain_and_polarity_are_found_and_removed(made):
    manifest = made[1]
    lags = manifest.own_lag[["s0", "s1", "s2", "s3", "s4", "s5"]].tolist()
    assert lags == [0, 777, -1_234, 5_000, 31, 0]
    gains_db = manifest.own_gain_db[["s0", "s3", "s4"]].tolist()
    assert gains_db == pytest.approx([0.0, -20.0, -6.02], abs=0.1)
    assert manifest.own_inverted[["s0", "s3", "s4"]].tolist() == [False, False, True]
    for row in manifest[manifest.verdict == "ok"].itertuples():
        signals = load_pair("recorded", row)
        clean = signals["clean"].astype(np.float64)
        # Speech has one level in both.
        assert signals["noisy"] @ clean / (clean @ clean) == pytest.approx(1.0, abs=0.01)
        assert row.room_lag == 0 and row.si_sdr_noisy_db > 5
    assert manifest.n_samples["s5"] == len(CLEAN["s5"]) - 20_000


def test_a_file_without_its_other_half_is_skipped_by_name(made):
    skipped = made[0].skipped.set_index(["kind", "path"]).reason
    assert skipped["clean", "anna/alone.wav"] == "there is no noisy file of this name"
    assert skipped["clean", "anna/broken.wav"] == "its noisy file is of no use"
    assert "not readable as audio" in skipped["noisy", "anna/broken.wav"] and len(skipped) == 3


def test_a_csv_names_pairs_speakers_and_splits(recorded, tmp_path):
    root = recorded[0]
    lines = [
        "clean,noisy,speaker,split",
        f"{root}/clean/anna/s0.wav,{root}/noisy/anna/s0.flac,anna,valid",
    ]
    for i, name in enumerate(["s1", "s2", "s3", "s4", "s5"]):
        clean = files.read(root / "clean" / "anna" / f"{name}.wav")
        write(tmp_path / f"{name}.wav", clean, subtype="FLOAT")
        recording = files.read(root / "noisy" / "anna" / f"{name}.flac")
        write(tmp_path / f"{name}_noisy.wav", recording, subtype="FLOAT")
        speaker, split = "ben" if i % 2 else "anna", "" if i else "test"
        lines.append(f"{name}.wav,{name}_noisy.wav,{speaker},{split}")
    lines.append("s0.wav,gone.wav,ben,")
    p = csv(tmp_path, lines)
    drawn = draw(p)
    rows = drawn.rows.set_index(drawn.rows.clean_path.str.rpartition("/")[2])
    assert rows.split[["s0.wav", "s1.wav"]].tolist() == ["valid", "test"]
    assert set(rows.split) == {"train", "valid", "test"}
    assert rows.speaker[["s1.wav", "s2.wav"]].tolist() == ["anna", "ben"]
    assert (drawn.skipped.path == "gone.wav").any()
    assert drawn.skipped.reason.str.contains("not readable").all()
    manifest = render("recorded_csv", drawn, sources.from_parameters(p))
    assert set(manifest.verdict) == {"ok"} and len(manifest) == 6


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["clean,loud", "a.wav,b.wav"],
            r"expected the columns clean and noisy, found no noisy in \['clean', 'loud'\]",
        ),
        (
            ["clean,noisy,split", "a.wav,b.wav,dev"],
            "split 'dev', expected train, valid, test or nothing",
        ),
        (
            ["clean,noisy,split", "a.wav,b.wav,train", "a.wav,c.wav,test"],
            "a.wav is in two splits",
        ),
        ([], "not readable as CSV"),
        (["clean,noisy", "a.wav,b.wav"], "no pair of usable files among 1; a.wav: not readable"),
    ],
)
def test_a_csv_that_cannot_be_right_is_refused_before_any_work(tmp_path, lines, message):
    with pytest.raises(ValueError, match=message):
        draw(csv(tmp_path, lines))


def test_copies_of_one_clean_recording_are_in_one_split(recorded, tmp_path):
    root = recorded[0] / "clean" / "anna"
    for i in range(8):  # four recordings, each in two noises, as some corpora keep them
        clean = files.read(root / f"s{i // 2}.wav")
        write(tmp_path / "clean" / f"u{i // 2}_noise{i % 2}.wav", clean, subtype="FLOAT")
        hiss = 0.01 * np.random.default_rng(i).standard_normal(len(clean))
        write(tmp_path / "noisy" / f"u{i // 2}_noise{i % 2}.wav", clean + hiss, subtype="FLOAT")
    for seed in range(4):
        rows = draw(two_folders(tmp_path / "clean", tmp_path / "noisy", seed=seed)).rows
        assert len(rows) == 8 and (rows.groupby(rows.clean_path.str[:2]).split.nunique() == 1).all()
    lines = ["clean,noisy,split"]
    for i in range(8):
        name = f"u{i // 2}_noise{i % 2}.wav"
        lines.append(f"clean/{name},noisy/{name},{'train' if i else 'test'}")
    message = "u0_noise0.wav and clean/u0_noise1.wav hold the same audio and are in two splits"
    with pytest.raises(ValueError, match=message):
        draw(csv(tmp_path, lines))


def test_a_held_out_speaker_cannot_be_given_another_split(recorded, tmp_path):
    root = recorded[0]
    lines = ["clean,noisy,speaker,split"]
    for i in range(4):
        speaker = "anna" if i else "ben"
        paths = f"{root}/clean/anna/s{i}.wav,{root}/noisy/anna/s{i}.flac"
        lines.append(f"{paths},{speaker},train")
    message = "s0.wav: its speaker ben is held out, but its split is train, expected test"
    with pytest.raises(ValueError, match=message):
        draw(csv(tmp_path, lines, holdout_speakers=["ben"]))


def test_an_empty_folder_is_named(recorded, tmp_path):
    with pytest.raises(ValueError, match=f"{tmp_path}: no noisy files in it"):
        draw(two_folders(recorded[0] / "clean", tmp_path))


def test_two_files_of_one_name_are_not_guessed_at(recorded, tmp_path):
    for name in ("a.wav", "a.flac"):
        write(tmp_path / "clean" / name, CLEAN["s0"])
    write(tmp_path / "noisy" / "a.wav", CLEAN["s0"])
    with pytest.raises(ValueError, match=r"a\.flac and a\.wav have one name"):
        draw(two_folders(tmp_path / "clean", tmp_path / "noisy"))
