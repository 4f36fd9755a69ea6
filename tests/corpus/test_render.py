"""Plan in, aligned pairs and a manifest out: each pair made once, or refused with its reason."""

import shutil

import numpy as np
import pandas as pd
import pytest
from corpus.preparing import prepare
from signals import RATE, good_sources, odd_and_bad_speech

from lib.audio import align, files
from lib.config.base import build
from lib.config.prepare import Prepare
from lib.corpus import manifest as corpus_manifest
from lib.corpus import mix, plan, sources
from lib.corpus.manifest import SIGNALS, corpus_folder, load_pair, usable_rows
from lib.corpus.mixed_pairs import mix_row
from lib.corpus.render import find_or_render, render
from lib.corpus.splits import SPLITS


def test_every_pair_is_equally_long_at_48_khz_and_aligned(laws):
    manifest = laws[2]
    # Nine training utterances twice, three others once.
    assert set(manifest.verdict) == {"ok"} and len(manifest) == 18 + 3
    for row in manifest.itertuples():
        heads = [files.info(corpus_folder("laws") / getattr(row, name)) for name in SIGNALS]
        formats = {(head.sample_rate, head.channels, head.n_samples, head.codec) for head in heads}
        assert formats == {(RATE, 1, row.n_samples, "PCM_24")}
    sure = manifest.df_lag_confidence > align.MIN_CONFIDENCE
    assert sure.sum() > 10 and (manifest.df_lag[sure] == 0).all()


def test_the_saved_files_have_the_snr_of_their_row(laws):
    manifest = laws[2]
    for row in manifest[manifest.rir == ""].itertuples():
        saved = load_pair("laws", row)
        snr_db = mix.snr_db(saved["clean"], saved["noisy"] - saved["clean"])
        assert snr_db == pytest.approx(row.snr_db, abs=0.05)
    assert (manifest.rir != "").any()


def test_no_speech_noise_or_room_is_in_two_splits(laws):
    manifest = laws[2]
    assert set(manifest.split) == {"train", "valid", "test"}
    for column in ("clean_path", "noise_path", "second_noise_path", "rir"):
        used = manifest[manifest[column] != ""].groupby(column).split.nunique()
        assert (used == 1).all(), column


def test_one_and_two_processes_give_the_same_manifest_and_bytes(laws, root):
    manifest = prepare(root, "parallel", n_processes=2)[2]
    pd.testing.assert_frame_equal(manifest, laws[2])
    one, two = corpus_folder("laws"), corpus_folder("parallel")
    for path in one.rglob("*.flac"):
        assert path.read_bytes() == (two / path.relative_to(one)).read_bytes()


def test_a_second_run_makes_only_what_is_missing(root):
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
    assert again.attrs["audio_per_s"] > 0
    assert render("resumed", drawn, folders).attrs["audio_per_s"] == 0.0


def test_other_settings_do_not_overwrite_a_corpus(laws, root):
    message = r"laws was prepared with another plan, seed: .*-p corpus NAME"
    with pytest.raises(ValueError, match=message):
        prepare(root, "laws", seed=1)
    assert corpus_manifest.read("laws").equals(laws[2])


def test_pieces_have_the_length_that_was_asked_for_and_belong_together(laws, root):
    manifest = prepare(root, "pieces", save_segment_length=48_000, p_reverb=0)[2]
    assert len(manifest) > len(laws[2])
    # The last piece may hold a rest of up to 0.4 s.
    assert manifest.n_samples.between(19_200, 48_000 + 19_199).all()
    for _, group in manifest.groupby(["clean_path", "item"]):
        assert list(group.sort_values("start").start) == [48_000 * k for k in range(len(group))]


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
    speech, noise = tmp_path / "gone" / "speech", tmp_path / "gone" / "noise"
    folders = sources.Sources(speech, noise, root / "rooms")
    drawn = plan.draw(build(Prepare, {"p_reverb": 0, "n_processes": 1}), folders)
    (speech / "speaker0" / "s0.wav").unlink()  # between planning and rendering
    manifest = render("gone", drawn, folders)
    refused = manifest[manifest.verdict == "refused"]
    assert set(refused.clean_path) == {"speaker0/s0.wav"}
    assert refused.reason.str.contains("s0.wav: not readable").all()
    assert (manifest.verdict == "ok").sum() == len(manifest) - len(refused) > 10
    usable = pd.concat([usable_rows(manifest, split) for split in SPLITS])
    assert "speaker0/s0.wav" not in set(usable.clean_path)


def test_every_condition_is_rendered_in_place_and_stands_in_the_manifest(root):
    options = {"p_clean": 0.3, "p_codec": 0.5, "p_equalise": 0.5, "p_reverb": 0.3}
    options |= {"speed_min": 0.8, "speed_max": 1.2, "items_per_utterance": 4}
    options |= {"p_noise_alone": 0.2, "formant_min": 0.9, "formant_max": 1.1}
    drawn, folders, manifest = prepare(root, "conditions", **options)
    assert set(manifest.verdict) == {"ok"}
    pd.testing.assert_frame_equal(corpus_manifest.read("conditions"), manifest)
    rows = drawn.rows.set_index("id").loc[manifest.id]
    for name in ("speed", "equaliser", "codec", "formant"):
        assert manifest[name].tolist() == rows[name].tolist()
        assert manifest[name].nunique() > 2
    clean = manifest[manifest.noise_path == ""]
    assert len(clean) > 10 and clean.snr_db.isna().all()
    alone = manifest[manifest.snr_db == -np.inf]
    assert len(alone) > 5 and (alone.bandwidth_hz == 24_000).all()
    assert (alone.level_clean_db == -np.inf).all() and alone.si_sdr_noisy_db.isna().all()
    exact = clean[(clean.rir == "") & (clean.codec == "")]
    assert len(exact) and (exact.si_sdr_noisy_db > 75).all()
    sure = manifest[manifest.room_lag_confidence > align.MIN_CONFIDENCE]
    assert len(sure) > 30 and sure.room_lag.abs().max() <= 1
    for row in manifest.itertuples():
        mixture = mix_row(row, folders)
        saved = load_pair("conditions", row)
        assert len(saved["clean"]) == len(mixture.clean)
        gain = saved["noisy"] @ mixture.noisy / (mixture.noisy @ mixture.noisy)
        np.testing.assert_allclose(saved["clean"], gain * mixture.clean, atol=1e-5)
        np.testing.assert_allclose(saved["noisy"], gain * mixture.noisy, atol=1e-5)


def test_the_gain_with_which_quiet_pairs_were_heard_stands_in_the_manifest(laws, tmp_path):
    """Brought to -25 dB: the loudest 0.2 s of these are 6 dB or more below their peak of -54 dB."""
    root = good_sources(tmp_path, n_files=2)
    quiet = {"scale_min": 0.002, "scale_max": 0.002, "p_reverb": 0.0}
    manifest = prepare(root, "quiet", **quiet)[2]
    assert manifest.df_gain_db.between(54 - 25 + 6, 50).all()
    # Of pairs at all levels few are quiet.
    gains = laws[2].df_gain_db
    assert (gains == 0).mean() > 0.5
    assert gains[gains > 0].between(7, 50).all()


def test_a_room_whose_decay_cannot_be_measured_leaves_the_t60_empty(tmp_path):
    root = good_sources(tmp_path, n_files=2)
    for path in (root / "rooms").iterdir():
        path.unlink()
    for i in range(3):
        rir = np.zeros(601, np.float32)
        rir[[100, 600]] = 0.5, 0.2 + 0.1 * i  # ends with a strong reflection
        files.write(root / "rooms" / f"short{i}.flac", rir, RATE)
    manifest = prepare(root, "short_rooms", p_reverb=1.0, items_per_utterance=1)[2]
    assert set(manifest.verdict) == {"ok"} and manifest.t60.isna().all()
    assert (manifest.rir_lag == 100).all()


def test_a_prepared_corpus_is_found_and_only_the_embedded_one_is_made(laws):
    pd.testing.assert_frame_equal(find_or_render("laws", Prepare()), laws[2])
    with pytest.raises(FileNotFoundError, match="prepare this corpus first"):
        find_or_render("nowhere", Prepare())
