"""A manifest is read as it was written, and what it lacks is said."""

import json
from pathlib import Path

import pandas as pd
import pytest

from lib import RUNS
from lib.corpus import manifest, sources
from lib.corpus.manifest import check_segments, inspected_folders, usable_rows


def test_a_manifest_without_a_corpus_says_how_to_make_it():
    with pytest.raises(FileNotFoundError, match=r"prepare this corpus first .*-p corpus nowhere"):
        manifest.read("nowhere")


def test_text_stays_text_and_nothing_becomes_an_empty_text(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("id,speaker,rir,snr_db\n007,NA,,5.0\n008,None,r.wav,\n")
    table = manifest.read_csv(path)
    assert table.id.tolist() == ["007", "008"] and table.speaker.tolist() == ["NA", "None"]
    assert table.rir.tolist() == ["", "r.wav"] and table.snr_db.isna().tolist() == [False, True]


def test_the_stored_manifest_folders_and_settings_are_those_of_the_preparation(laws):
    drawn, folders, table = laws
    pd.testing.assert_frame_equal(manifest.read("laws"), table)
    assert manifest.stored_sources("laws") == folders
    assert manifest.stored_settings("laws") == drawn.settings
    assert len(manifest.sha256("laws")) == 64


def test_folders_below_runs_are_found_where_runs_has_moved_to(monkeypatch, tmp_path):
    folders = sources.Sources(RUNS / "demo" / "speech", Path("/data/noise"))
    text = manifest.sources_text(folders)
    assert text == {"speech": "demo/speech", "noise": "/data/noise"}
    monkeypatch.setattr(manifest, "RUNS", tmp_path)
    plan = manifest.corpus_folder("moved") / "plan.json"
    plan.parent.mkdir(parents=True)
    plan.write_text(json.dumps({"sources": text}))
    moved = manifest.stored_sources("moved")
    assert moved == sources.Sources(tmp_path / "demo" / "speech", Path("/data/noise"))


def test_segments_may_be_as_long_as_the_saved_pieces_and_no_longer():
    table = pd.DataFrame({"save_segment_length": [48_000]})
    check_segments(table, 48_000)
    check_segments(table.assign(save_segment_length=0), 480_000)  # 0: whole utterances
    with pytest.raises(ValueError, match=r"segment_length = 96000.*save_segment_length = 48000"):
        check_segments(table, 96_000)


def test_pairs_of_before_that_are_too_short_are_refused(laws):
    table = laws[2].copy()
    folder = manifest.corpus_folder("before")
    folder.mkdir(parents=True)
    table.loc[:1, "n_samples"] = [7, 19_200]
    table.to_csv(folder / "manifest.csv", index=False)
    read = manifest.read("before")
    assert read.verdict[:3].tolist() == ["refused", "ok", "ok"]
    assert read.reason[0] == "0.000 s long, expected at least 0.4 s"
    assert read.reason[1:].eq("").all()


def test_refused_rows_are_not_usable_and_an_empty_split_is_named():
    table = pd.DataFrame({"split": ["train", "train", "test"], "verdict": ["ok", "refused", "ok"]})
    assert len(usable_rows(table, "train")) == 1
    with pytest.raises(ValueError, match=r"no usable row in split 'valid': it has {'train': 2"):
        usable_rows(table, "valid")


def test_inspect_looks_at_given_folders_or_at_those_of_the_corpus(laws, tmp_path, monkeypatch):
    _, folders, _ = laws
    assert inspected_folders("laws", noise_dir=str(tmp_path)) == {"noise": tmp_path}
    of_corpus = {"speech": folders.speech, "noise": folders.noise, "room": folders.room}
    assert inspected_folders("laws") == of_corpus
    monkeypatch.setattr(sources, "choose", lambda: sources.Sources(tmp_path))
    assert inspected_folders("never prepared") == {"speech": tmp_path}
