"""Pairs are measured again from their files, by another meter where there is one."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from corpus.preparing import prepare as prepare_corpus
from signals import RATE

from lib.audio import files
from lib.config.base import build
from lib.config.prepare import Prepare
from lib.corpus import plan, sources, verify
from lib.corpus.manifest import corpus_folder, read, sha256
from lib.corpus.mixed_pairs import mix_row
from lib.deepfilter.grid import erb_widths
from lib.evaluation import timbre


def active_speech_snr_db(speech, noise):
    """Another SNR meter: frames of 20 ms every 5 ms, those within 40 dB of the loudest."""
    steps = len(speech) // 240

    def powers(signal):
        short = np.add.reduceat(
            signal[: steps * 240].astype(float) ** 2, np.arange(0, steps * 240, 240)
        )
        return np.convolve(short, np.ones(4), "valid")

    loud = powers(speech)
    counts = 10 * np.log10(loud + 1e-20) > 10 * np.log10(loud.max()) - 40
    return 10 * np.log10(loud[counts].mean() / powers(noise)[counts].mean())


def prepare(root, corpus, **options):
    """Folders and manifest of a corpus with many faults."""
    defaults = {"items_per_utterance": 3, "p_second_noise": 0.3}
    return prepare_corpus(root, corpus, **defaults | options)[1:]


@pytest.fixture(scope="module")
def verified(root):
    return prepare(root, "verified", p_lowpass=0.2, p_clip=0.2)


def test_every_pair_has_the_snr_that_it_claims_by_another_meter(verified):
    folders, manifest = verified
    assert (manifest.lowpass_hz > 0).any() and (manifest.clip_db > 0).any()
    assert (manifest.second_noise_path != "").any()
    mixtures = [mix_row(row, folders) for row in manifest.itertuples()]
    achieved = np.array([active_speech_snr_db(each.speech, each.noise) for each in mixtures])
    assert np.abs(achieved - manifest.snr_db).max() < 0.5


@pytest.mark.skipif(
    "RETIMBRE_AUDIO" not in os.environ, reason="RETIMBRE_AUDIO names no folder of real speech"
)
def test_real_speech_has_the_snr_that_it_claims_by_another_meter(root):
    real = Path(os.environ["RETIMBRE_AUDIO"])
    # Sentences: over a single word two meters differ by more.
    given = sources.Sources(real / "speech" / "kathleen", real / "noise", root / "rooms")
    options = {"items_per_utterance": 1, "p_reverb": 0.3, "p_second_noise": 0.3}
    p = build(Prepare, {"n_processes": 2} | options)
    rows, errors = plan.draw(p, given).rows, []
    for row in rows.itertuples():
        try:
            mixture = mix_row(row, given)
        except (
            ValueError
        ):  # a noise that pauses for as long as somebody speaks: `prepare` refuses it
            continue
        errors.append(active_speech_snr_db(mixture.speech, mixture.noise) - row.snr_db)
    assert len(errors) > 0.9 * len(rows)
    assert np.abs(errors).max() < 0.5, pd.Series(errors).describe()


def test_measured_snr_and_lags_are_those_that_the_manifest_claims(verified):
    measured = verify.measure("verified", verified[1])
    assert measured.snr_error_db.abs().max() < 0.01 and (measured.problem == "").all()
    assert (verify.gate_misses(measured, 0.5, 0.5, 0.5, -60.0) == "").all()
    sure = measured.drop(verify.unsure_lags(measured).index)
    assert (sure.df_lag_ms == 0).all() and (sure.room_lag_ms == 0).all()


@pytest.fixture
def spoilt(verified):
    """A copy whose files may be broken: its folder, its manifest, the row with the surest lag."""
    target = corpus_folder("spoilt")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(corpus_folder("verified"), target)
    manifest = verified[1]
    return target, manifest, manifest.sort_values("df_lag_confidence").iloc[-1]


def rewrite(path, change):
    files.write(path, change(files.read(path)), RATE)


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        (
            "enhanced",
            lambda x: np.concatenate([np.zeros(480), x[:-480]]),
            "enhanced 10.00 ms behind noisy",
        ),
        ("noisy", lambda x: np.concatenate([np.zeros(96), x[:-96]]), "noisy 2.00 ms behind clean"),
        ("noisy", lambda x: 0.5 * x, "SNR off by"),
        ("enhanced", lambda x: x[:-1], "lengths {"),
        ("enhanced", np.zeros_like, "enhanced is empty"),
        ("enhanced", lambda x: x / np.abs(x).max(), "enhanced is clipped"),
        ("enhanced", lambda x: -x / np.abs(x).max(), "enhanced is clipped"),
        ("clean", lambda x: 3e-4 * x, "clean at -"),
    ],
)
def test_only_the_pair_that_was_spoilt_is_named_with_what_it_misses(spoilt, name, change, says):
    target, manifest, row = spoilt
    rewrite(target / row[name], change)
    lines = verify.gate_misses(verify.measure("spoilt", manifest), 0.5, 0.5, 0.5, -60.0)
    lines.index = manifest.id[manifest.verdict == "ok"].to_numpy()
    assert says in lines[row.id], lines[row.id]
    assert set(lines.drop(row.id)) == {""}


@pytest.mark.parametrize(
    ("source", "says"), [("noisy", "DeepFilterNet3 changed nothing"), ("clean", "noisy is clean")]
)
def test_identical_files_are_named(spoilt, source, says):
    target, manifest, row = spoilt
    shutil.copy(target / row[source], target / row["enhanced" if source == "noisy" else "noisy"])
    measured = verify.measure("spoilt", manifest).set_index("id")
    assert says in measured.problem[row.id]


def test_a_swapped_file_is_an_snr_that_is_off(spoilt):
    target, manifest, row = spoilt
    shutil.copy(target / row["clean"], target / row["noisy"])
    misses = verify.gate_misses(verify.measure("spoilt", manifest), 0.5, 0.5, 0.5, -60.0)
    assert "SNR off by" in misses[manifest.id.tolist().index(row.id)]


def test_a_corpus_that_was_moved_works_and_says_what_it_cannot_measure(root, tmp_path):
    shutil.copytree(root, tmp_path / "sources")
    prepare(tmp_path / "sources", "to_be_moved", items_per_utterance=1)
    before = sha256("to_be_moved")
    shutil.move(corpus_folder("to_be_moved"), corpus_folder("moved"))
    shutil.rmtree(tmp_path / "sources")
    manifest = read("moved")
    measured = verify.measure("moved", manifest)
    assert sha256("moved") == before
    assert measured.achieved_snr_db.isna().all() and (measured.problem == "").all()
    assert (verify.gate_misses(measured, 0.5, 0.5, 0.5, -60.0) == "").all()


def test_the_timbre_profile_finds_what_was_taken_of_each_band(spoilt):
    target, manifest, _ = spoilt
    few = manifest.head(3)
    for row in few.to_dict("records"):
        clean = files.read(target / row["clean"])
        spectrum = np.fft.rfft(clean)
        spectrum[np.fft.rfftfreq(len(clean), 1 / RATE) > 4_000] *= 0.5
        files.write(target / row["enhanced"], 0.999 * np.fft.irfft(spectrum, len(clean)), RATE)
    table = timbre.measure("spoilt", few)
    assert len(table) == 3 * 32 and table.band.max() == 31
    table["change_db"] -= 20 * np.log10(0.999)
    assert table.change_db[table.hz < 3_500].abs().max() < 0.1
    assert (table.change_db[table.hz > 4_600] + 6.02).abs().max() < 0.1
    profile = timbre.profile(table)
    assert (profile.low <= profile["median"]).all() and (profile["median"] <= profile.high).all()


def test_the_timbre_profile_stops_at_the_bandwidth_of_the_recording(verified):
    narrow = verified[1].head(2).assign(bandwidth_hz=7_000.0)
    edges = np.cumsum(erb_widths()) * 50
    bands = range(int((edges - 50 <= 7_007).sum()))
    assert set(timbre.measure("verified", narrow).band) == set(bands)


def test_pairs_without_noise_and_pairs_of_a_codec_are_trusted(root):
    options = {"items_per_utterance": 1, "p_clean": 0.4, "p_codec": 0.6, "p_noise_alone": 0.3}
    manifest = prepare(root, "coded", **options)[1]
    table = verify.measure("coded", manifest)
    clean = (manifest.noise_path == "").to_numpy()
    alone = (manifest.snr_db == -np.inf).to_numpy()
    assert clean.any() and alone.any() and (manifest.codec != "").any()
    assert table.achieved_snr_db.isna().tolist() == (clean | alone).tolist()
    assert table.snr_error_db.isna().tolist() == (clean | alone).tolist()
    assert table.snr_error_db[~clean & ~alone].abs().max() < 0.1
    assert set(verify.gate_misses(table, 1.0, 1.0, 0.1, -70.0)[alone]) == {""}
    assert not set(verify.unsure_lags(table).index) & set(table.index[alone])
    speech = manifest.assign(clean=manifest.noisy)[alone]
    problems = verify.measure("coded", speech).problem
    assert problems.str.contains("clean of noise alone is not silent").all()
    misses = verify.gate_misses(table, 1.0, 1.0, 0.1, -70.0)
    assert not misses[clean].str.contains("noisy is clean|SNR").any()
