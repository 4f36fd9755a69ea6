"""Sources in, aligned pairs and a manifest out: every file used or named, nothing shared between splits, nothing made twice."""

import shutil

import numpy as np
import pandas as pd
import pytest
from signals import RATE, good_sources, odd_and_bad_speech, write

from lib.audio import align, files
from lib.config.base import build
from lib.config.prepare import Prepare
from lib.corpus import manifest as corpus_manifest
from lib.corpus import mix, plan, sources, verify
from lib.corpus.manifest import SIGNALS, check_segments, corpus_folder, load_pair, usable_rows
from lib.corpus.render import _noise, _room, render, render_mixture


def prepare(root, corpus, **given):
    p = build(
        Prepare,
        {"corpus": corpus, "items_per_utterance": 2, "n_processes": 1, "p_reverb": 0.5} | given,
    )
    folders = sources.choose(root / "speech", root / "noise", root / "rooms")
    made = plan.draw(p, folders)
    return made, folders, render(corpus, made, folders, p.n_processes)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return good_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def made(root):
    return prepare(root, "laws")


def test_every_pair_is_equally_long_at_48_khz_and_aligned(made):
    manifest = made[2]
    assert (
        set(manifest.verdict) == {"ok"} and len(manifest) == 18 + 3
    )  # 9 training utterances twice, 3 others once
    for row in manifest.itertuples():
        heads = [files.info(corpus_folder("laws") / getattr(row, name)) for name in SIGNALS]
        assert {
            (head.sample_rate, head.channels, head.n_samples, head.codec) for head in heads
        } == {(RATE, 1, row.n_samples, "PCM_24")}
    sure = manifest.df_lag_confidence > align.MIN_CONFIDENCE
    assert sure.sum() > 10 and (manifest.df_lag[sure] == 0).all()


def test_the_saved_files_have_the_snr_of_their_row(made):
    _, _, manifest = made
    for row in manifest[manifest.rir == ""].itertuples():
        saved = load_pair("laws", row)
        assert mix.snr_db(saved["clean"], saved["noisy"] - saved["clean"]) == pytest.approx(
            row.snr_db, abs=0.05
        )
    assert (manifest.rir != "").any()


def test_verify_measures_what_the_manifest_claims(made):
    measured = verify.measure("laws", made[2])
    assert len(measured) == len(made[2]) and measured.snr_error_db.abs().max() < 0.01
    assert (verify.gate_misses(measured, 0.5, 0.5, 0.5, -60.0) == "").all()


def test_a_pair_that_was_shifted_or_swapped_misses_its_gate(root):
    manifest = prepare(root, "spoilt")[2]
    late, swapped = manifest.sort_values("df_lag_confidence").tail(2).itertuples(index=False)
    folder = corpus_folder("spoilt")
    signal = files.read(folder / late.enhanced)
    files.write(folder / late.enhanced, np.concatenate([np.zeros(480), signal[:-480]]), RATE)
    shutil.copy(folder / swapped.clean, folder / swapped.noisy)
    misses = dict(
        zip(
            manifest.id,
            verify.gate_misses(verify.measure("spoilt", manifest), 0.5, 0.5, 0.5, -60.0),
            strict=True,
        )
    )
    assert misses.pop(late.id) == "enhanced 10.00 ms behind noisy"
    assert "SNR off by" in misses.pop(swapped.id)
    assert set(misses.values()) == {""}


def test_no_speech_noise_or_room_is_in_two_splits(made):
    manifest = made[2]
    assert set(manifest.split) == {"train", "valid", "test"}
    for column in ("clean_path", "noise_path", "second_noise_path", "rir"):
        used = manifest[manifest[column] != ""].groupby(column).split.nunique()
        assert (used == 1).all(), column


def test_held_out_speakers_and_noises_are_in_test_alone(root):
    p = build(
        Prepare, {"holdout_speakers": ["speaker1"], "holdout_noises": ["noise2"], "p_reverb": 0}
    )
    rows = plan.draw(p, sources.Sources(root / "speech", root / "noise", root / "rooms")).rows
    assert set(rows[rows.speaker == "speaker1"].split) == {"test"}
    assert set(rows[rows.noise_path == "noise2.flac"].split) == {"test"}
    assert set(rows[rows.split == "test"].group) == {"known speaker", "unseen speaker"}
    with pytest.raises(
        ValueError, match=r"held-out speaker \['nobody'\] not found: there are speaker0, speaker1"
    ):
        absent = p.model_copy(update={"holdout_speakers": ["nobody"]})
        plan.draw(absent, sources.Sources(root / "speech", root / "noise", root / "rooms"))


def test_one_and_two_processes_give_the_same_manifest_and_bytes(made, root):
    manifest = prepare(root, "parallel", n_processes=2)[2]
    pd.testing.assert_frame_equal(manifest, made[2])
    for path in corpus_folder("laws").rglob("*.flac"):
        assert (
            path.read_bytes()
            == (corpus_folder("parallel") / path.relative_to(corpus_folder("laws"))).read_bytes()
        )


def test_what_is_done_is_not_done_again_and_what_is_missing_is(made, root):
    drawn, folders, manifest = prepare(root, "resumed")
    folder = corpus_folder("resumed")
    rows = sorted((folder / "rows").iterdir())
    assert len(rows) == 2
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.flac")}
    rows[1].unlink()  # as if killed before its rows were written
    again = render("resumed", drawn, folders)
    pd.testing.assert_frame_equal(again, manifest)
    remade = {path for path, time in times.items() if path.stat().st_mtime_ns != time}
    first = set(drawn.rows[drawn.rows.batch == 0].id)
    assert remade and not {path.stem for path in remade} & first


def test_other_settings_do_not_overwrite_a_corpus(made, root):
    with pytest.raises(
        ValueError, match=r"laws was prepared with another plan, seed: .*-p corpus NAME"
    ):
        prepare(root, "laws", seed=1)
    assert corpus_manifest.read("laws").equals(made[2])


def test_pieces_have_the_length_that_was_asked_for_and_belong_together(root):
    manifest = prepare(root, "pieces", save_segment_length=48_000, p_reverb=0)[2]
    whole = corpus_manifest.read("laws")
    assert manifest.n_samples.max() == 48_000 and len(manifest) > len(whole)
    for _, group in manifest.groupby(["clean_path", "item"]):
        assert list(group.sort_values("start").start) == [48_000 * k for k in range(len(group))]
    with pytest.raises(ValueError, match=r"segment_length = 96000.*save_segment_length = 48000"):
        check_segments(manifest, 96_000)


def test_odd_files_are_used_and_bad_ones_are_named(root, tmp_path):
    shutil.copytree(root, tmp_path / "mixed")
    expected = odd_and_bad_speech(tmp_path / "mixed" / "speech")
    drawn, _, manifest = prepare(tmp_path / "mixed", "odd")
    reasons = {
        path.rpartition("/")[2]: reason
        for path, reason in zip(drawn.skipped.path, drawn.skipped.reason, strict=True)
    }
    used = {path.rpartition("/")[2] for path in drawn.rows.clean_path}
    assert set(reasons) == {name for name, reason in expected.items() if reason}
    assert used >= {name for name, reason in expected.items() if not reason}
    assert all(reason in reasons[name] for name, reason in expected.items() if reason)
    assert set(manifest.verdict) == {"ok"}
    prompt = manifest[manifest.clean_path.str.endswith("prompt_8k.wav")]
    assert prompt.bandwidth_hz.between(3_600, 4_100).all()


def test_a_pair_that_cannot_be_mixed_is_refused_with_its_reason_and_costs_no_other(root, tmp_path):
    shutil.copytree(root, tmp_path / "gone")
    p = build(Prepare, {"p_reverb": 0, "n_processes": 1})
    folders = sources.Sources(
        tmp_path / "gone" / "speech", tmp_path / "gone" / "noise", root / "rooms"
    )
    made = plan.draw(p, folders)
    (
        tmp_path / "gone" / "speech" / "speaker0" / "s0.wav"
    ).unlink()  # between planning and rendering
    manifest = render("gone", made, folders)
    refused = manifest[manifest.verdict == "refused"]
    assert (
        set(refused.clean_path) == {"speaker0/s0.wav"}
        and refused.reason.str.contains("s0.wav: not readable").all()
    )
    assert (manifest.verdict == "ok").sum() == len(manifest) - len(refused) > 10
    assert "speaker0/s0.wav" not in set(
        pd.concat([usable_rows(manifest, s) for s in plan.SPLITS]).clean_path
    )


@pytest.mark.parametrize("missing", ["speech", "noise"])
def test_an_empty_folder_is_named_before_any_work(root, tmp_path, missing):
    given = {
        "speech": root / "speech",
        "noise": root / "noise",
        "room": root / "rooms",
        missing: tmp_path,
    }
    with pytest.raises(ValueError, match=f"{tmp_path}: no {missing} files in it"):
        plan.draw(Prepare(), sources.Sources(**given))


def test_a_row_rendered_alone_is_the_saved_one(made):
    _, folders, manifest = made
    for row in manifest.head(3).itertuples():
        saved = load_pair("laws", row)["noisy"]
        np.testing.assert_allclose(render_mixture(row, folders).noisy, saved, atol=2**-22)


def test_a_manifest_without_a_corpus_says_how_to_make_it():
    with pytest.raises(FileNotFoundError, match=r"prepare this corpus first .*-p corpus nowhere"):
        corpus_manifest.read("nowhere")


def test_a_noise_and_a_room_are_read_once_in_a_process(made, monkeypatch):
    _, folders, manifest = made
    rows = manifest[manifest.rir != ""].head(4)
    for cached in (_noise, _room):
        cached.cache_clear()
    seen, read = [], files.read
    monkeypatch.setattr(
        files,
        "read",
        lambda path, *args, **named: seen.append(path.parent.name) or read(path, *args, **named),
    )
    for row in [*rows.itertuples(), *rows.itertuples()]:
        render_mixture(row, folders)
    noises = set(rows.noise_path) | set(rows.second_noise_path) - {""}
    assert seen.count("rooms") == rows.rir.nunique() and seen.count("noise") == len(noises)
    assert len(seen) == 2 * len(rows) + rows.rir.nunique() + len(noises)  # the speech each time


def test_a_room_of_several_microphones_is_heard_through_the_first(tmp_path):
    rir = np.zeros((4_800, 2), np.float32)
    rir[100, 0], rir[130, 1] = 0.5, 0.9  # the mean would be a comb
    write(tmp_path / "two.wav", rir, subtype="FLOAT")
    response, lag, t60 = _room(tmp_path / "two.wav")
    assert lag == 100 and response[0] == 1 and not response[1:].any() and t60 == 0
