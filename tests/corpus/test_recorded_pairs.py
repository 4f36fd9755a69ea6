"""Pairs that a user brings: lag, gain and polarity are removed, and what cannot be aligned is refused by name."""

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
    """What another microphone heard of CLEAN[name]: late by `lag`, at another gain, shorter by `cut` samples."""
    rng = np.random.default_rng(len(name) + abs(lag))
    late = np.concatenate([np.zeros(max(lag, 0)), CLEAN[name][max(-lag, 0) :]])
    late = gain * late[: len(late) - cut]
    return late + abs(gain) * level * rng.standard_normal(len(late))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Two folders of twelve recordings with equal names, and what is to become of each."""
    root = tmp_path_factory.mktemp("own")
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
        "s10": (
            np.interp(
                np.arange(len(CLEAN["s10"])) * 1.0002, np.arange(len(CLEAN["s10"])), CLEAN["s10"]
            ),
            "drifts",
        ),
        "s11": (noisy("s11")[::3], "sample rates differ: clean 48000 Hz, noisy 16000 Hz"),
    }
    for name, (heard, _) in cases.items():
        write(root / "clean" / "anna" / f"{name}.wav", CLEAN[name], subtype="FLOAT")
        rate = 16_000 if name == "s11" else RATE
        write(root / "noisy" / "anna" / f"{name}.flac", np.clip(heard, -1, 1), rate, "PCM_24")
    write(root / "clean" / "anna" / "alone.wav", voiced(1.0, 30))
    (root / "noisy" / "anna" / "s0.txt").write_text("no audio, and no name for it")
    write(root / "clean" / "anna" / "broken.wav", voiced(1.0, 31))
    (root / "noisy" / "anna" / "broken.wav").write_text("this is no audio")
    return root, {name: reason for name, (_, reason) in cases.items()}


@pytest.fixture(scope="module")
def made(recorded):
    root, reasons = recorded
    given = {
        "speech_dir": str(root / "clean"),
        "noisy_dir": str(root / "noisy"),
        "n_processes": 1,
        "corpus": "own",
    }
    p = build(Prepare, given)
    drawn = plan.draw(p, sources.from_parameters(p))
    manifest = render("own", drawn, sources.from_parameters(p))
    manifest.index = manifest.id.str.removeprefix("anna_")
    return drawn, manifest, reasons


def test_each_pair_is_used_or_refused_with_its_reason(made):
    _, manifest, reasons = made
    assert set(manifest.index) == set(reasons)
    for name, reason in reasons.items():
        row = manifest.loc[name]
        assert row.verdict == ("refused" if reason else "ok") and reason in row.reason, (
            name,
            row.reason,
        )
    assert set(manifest.split) == {"train", "valid", "test"} and set(manifest.speaker) == {"anna"}


def test_lag_gain_and_polarity_are_found_and_removed(made):
    manifest = made[1]
    assert manifest.own_lag[["s0", "s1", "s2", "s3", "s4", "s5"]].tolist() == [
        0,
        777,
        -1_234,
        5_000,
        31,
        0,
    ]
    assert manifest.own_gain_db[["s0", "s3", "s4"]].tolist() == pytest.approx(
        [0.0, -20.0, -6.02], abs=0.1
    )
    assert manifest.own_inverted[["s0", "s3", "s4"]].tolist() == [False, False, True]
    for row in manifest[manifest.verdict == "ok"].itertuples():
        signals = load_pair("own", row)
        clean = signals["clean"].astype(np.float64)
        assert signals["noisy"] @ clean / (clean @ clean) == pytest.approx(
            1.0, abs=0.01
        )  # speech at one level in both
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
        write(
            tmp_path / f"{name}.wav",
            files.read(root / "clean" / "anna" / f"{name}.wav"),
            subtype="FLOAT",
        )
        write(
            tmp_path / f"{name}_noisy.wav",
            files.read(root / "noisy" / "anna" / f"{name}.flac"),
            subtype="FLOAT",
        )
        lines.append(
            f"{name}.wav,{name}_noisy.wav,{'ben' if i % 2 else 'anna'},{'test' if i == 0 else ''}"
        )
    lines.append("s0.wav,gone.wav,ben,")
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    p = build(Prepare, {"pairs_csv": str(tmp_path / "pairs.csv"), "n_processes": 1})
    drawn = plan.draw(p, sources.from_parameters(p))
    rows = drawn.rows.set_index(drawn.rows.clean_path.str.rpartition("/")[2])
    assert rows.split[["s0.wav", "s1.wav"]].tolist() == ["valid", "test"] and set(rows.split) == {
        "train",
        "valid",
        "test",
    }
    assert rows.speaker[["s1.wav", "s2.wav"]].tolist() == ["anna", "ben"]
    assert (drawn.skipped.path == "gone.wav").any() and drawn.skipped.reason.str.contains(
        "not readable"
    ).all()
    manifest = render("own_csv", drawn, sources.from_parameters(p))
    assert set(manifest.verdict) == {"ok"} and len(manifest) == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "clean,loud\na.wav,b.wav",
            r"expected the columns clean and noisy, found no noisy in \['clean', 'loud'\]",
        ),
        (
            "clean,noisy,split\na.wav,b.wav,dev",
            "split 'dev', expected train, valid, test or nothing",
        ),
        ("clean,noisy,split\na.wav,b.wav,train\na.wav,c.wav,test", "a.wav is in two splits"),
        ("", "not readable as CSV"),
        ("clean,noisy\na.wav,b.wav", r"no pair of usable files among 1; a.wav: not readable"),
    ],
)
def test_a_csv_that_cannot_be_right_is_refused_before_any_work(tmp_path, text, message):
    (tmp_path / "pairs.csv").write_text(text)
    p = build(Prepare, {"pairs_csv": str(tmp_path / "pairs.csv"), "n_processes": 1})
    with pytest.raises(ValueError, match=message):
        plan.draw(p, sources.from_parameters(p))


def test_copies_of_one_clean_recording_are_in_one_split(recorded, tmp_path):
    root = recorded[0] / "clean" / "anna"
    for i in range(8):  # four recordings, each in two noises, as some corpora keep them
        clean = files.read(root / f"s{i // 2}.wav")
        write(tmp_path / "clean" / f"u{i // 2}_noise{i % 2}.wav", clean, subtype="FLOAT")
        hiss = 0.01 * np.random.default_rng(i).standard_normal(len(clean))
        write(tmp_path / "noisy" / f"u{i // 2}_noise{i % 2}.wav", clean + hiss, subtype="FLOAT")
    given = {
        "speech_dir": str(tmp_path / "clean"),
        "noisy_dir": str(tmp_path / "noisy"),
        "n_processes": 1,
    }
    for seed in range(4):
        p = build(Prepare, given | {"seed": seed})
        rows = plan.draw(p, sources.from_parameters(p)).rows
        assert len(rows) == 8 and (rows.groupby(rows.clean_path.str[:2]).split.nunique() == 1).all()
    lines = [
        f"clean/u{i // 2}_noise{i % 2}.wav,noisy/u{i // 2}_noise{i % 2}.wav,{'train' if i else 'test'}"
        for i in range(8)
    ]
    (tmp_path / "pairs.csv").write_text("\n".join(["clean,noisy,split", *lines]))
    p = build(Prepare, {"pairs_csv": str(tmp_path / "pairs.csv"), "n_processes": 1})
    with pytest.raises(
        ValueError,
        match=r"u0_noise0.wav and clean/u0_noise1.wav hold the same audio and are in two splits",
    ):
        plan.draw(p, sources.from_parameters(p))


def test_a_held_out_speaker_cannot_be_given_another_split(recorded, tmp_path):
    root = recorded[0]
    lines = [
        f"{root}/clean/anna/s{i}.wav,{root}/noisy/anna/s{i}.flac,{'anna' if i else 'ben'},train"
        for i in range(4)
    ]
    (tmp_path / "pairs.csv").write_text("\n".join(["clean,noisy,speaker,split", *lines]))
    p = build(
        Prepare,
        {"pairs_csv": str(tmp_path / "pairs.csv"), "n_processes": 1, "holdout_speakers": ["ben"]},
    )
    with pytest.raises(
        ValueError,
        match=r"s0.wav: its speaker ben is held out, but its split is train, expected test",
    ):
        plan.draw(p, sources.from_parameters(p))


def test_an_empty_folder_is_named(recorded, tmp_path):
    given = {"speech_dir": str(recorded[0] / "clean"), "noisy_dir": str(tmp_path), "n_processes": 1}
    p = build(Prepare, given)
    with pytest.raises(ValueError, match=f"{tmp_path}: no noisy files in it"):
        plan.draw(p, sources.from_parameters(p))


def test_two_files_of_one_name_are_not_guessed_at(recorded, tmp_path):
    for name in ("a.wav", "a.flac"):
        write(tmp_path / "clean" / name, CLEAN["s0"])
    write(tmp_path / "noisy" / "a.wav", CLEAN["s0"])
    p = build(
        Prepare, {"speech_dir": str(tmp_path / "clean"), "noisy_dir": str(tmp_path / "noisy")}
    )
    with pytest.raises(ValueError, match=r"a\.flac and a\.wav have one name"):
        plan.draw(p, sources.from_parameters(p))
