"""A plan follows from its seed, and nothing that is tested is trained on."""

import shutil

import numpy as np
import pandas as pd
import pytest
from corpus.preparing import draw as draw_plan
from signals import RATE, voiced, write

from lib.config.base import build
from lib.config.prepare import Prepare
from lib.corpus import plan, sources, survey
from lib.corpus.manifest import without_unused

DRAWN = (
    "snr_db scale noise_path noise_offset second_noise_path second_noise_db rir early lowpass_hz"
    " clip_db"
).split()


HELD_OUT = {"holdout_speakers": ["speaker1"], "holdout_noises": ["noise2"]}


def draw(root, **options):
    return draw_plan(root, **{"items_per_utterance": 20} | options)


def test_what_is_drawn_is_what_was_asked_for(root):
    rows = draw(root, p_second_noise=0.4, p_lowpass=0.3, p_clip=0.2, snr_db=[-5.0, 10.0]).rows
    train = rows[rows.split == "train"]
    n = len(train)
    assert n == 9 * 20 and set(train.snr_db) == {-5.0, 10.0}
    assert rows.scale.between(0.05, 0.95).all() and rows.scale.max() - rows.scale.min() > 0.8
    two_noises = train[train.noise_path.isin(train.noise_path)].second_noise_path != ""
    for share, expected in [
        ((train.snr_db == 10).mean(), 0.5),
        ((train.rir != "").mean(), 0.5),
        ((train.lowpass_hz > 0).mean(), 0.3),
        ((train.clip_db > 0).mean(), 0.2),
        # Of two training noises, every other time the second would be the first.
        (two_noises.mean(), 0.4 / 2),
    ]:
        assert share == pytest.approx(expected, abs=4 * np.sqrt(expected / n))
    assert not (rows.noise_path == rows.second_noise_path).any()
    assert rows.clip_db[rows.clip_db > 0].between(1, 12).all()
    assert (rows.early[rows.rir != ""] == 2_400).all() and (rows.early[rows.rir == ""] == 0).all()


def test_a_setting_changes_nothing_but_itself(root):
    before = draw(root, p_second_noise=0.0).rows.set_index("id")
    options = {"p_clip": 0.5, "p_reverb": 0.0, "scale_max": 0.5}
    after = draw(root, p_second_noise=0.0, **options).rows.set_index("id")
    same = ["split", "snr_db", "noise_path", "noise_offset", "lowpass_hz"]
    pd.testing.assert_frame_equal(before[same], after.loc[before.index, same])
    assert (after.clip_db > 0).any() and (after.rir == "").all()


def test_one_more_utterance_changes_no_number_of_another(root, tmp_path):
    shutil.copytree(root, tmp_path / "more")
    write(tmp_path / "more" / "speech" / "speaker0" / "s9.wav", voiced(1.0, 99))
    before, after = (draw(folder).rows.set_index("id") for folder in (root, tmp_path / "more"))
    common = before.index.intersection(after.index)
    same_split = before.loc[common].split == after.loc[common].split
    assert len(after) > len(common) > 0.8 * len(before) and same_split.mean() > 0.8
    rows = common[same_split]
    pd.testing.assert_frame_equal(before.loc[rows, DRAWN], after.loc[rows, DRAWN])


def test_another_seed_is_another_corpus(root):
    zero, one = (draw(root, seed=seed).rows.set_index("id").sort_index() for seed in (0, 1))
    assert zero.split.to_dict() != one.split.to_dict()


def test_nothing_is_in_two_splits_and_hold_outs_are_in_test_alone(root):
    held_out = {"holdout_speakers": ["speaker1"], "holdout_noises": ["noise2"]}
    rows = draw(root, p_second_noise=0.5, **held_out).rows
    uses = pd.concat(
        rows[["split", column]].set_axis(["split", "path"], axis=1)
        for column in ("clean_path", "noise_path", "second_noise_path", "rir")
    )
    assert (uses[uses.path != ""].groupby("path").split.nunique() == 1).all()
    assert set(rows[rows.speaker == "speaker1"].split) == {"test"}
    assert set(uses[uses.path == "noise2.flac"].split) == {"test"}
    assert set(rows[rows.split == "test"].group) == {"known speaker", "unseen speaker"}
    assert set(rows[rows.split != "test"].group) == {""}


@pytest.mark.parametrize("name", ["kitchen/ch01.flac", "kitchen/ch01", "kitchen"])
def test_a_noise_is_held_out_by_its_path_or_its_folder(root, tmp_path, name):
    for i, place in enumerate(("kitchen", "street", "office", "park")):
        (tmp_path / "noise" / place).mkdir(parents=True)
        shutil.copy(root / "noise" / f"noise{i}.flac", tmp_path / "noise" / place / "ch01.flac")
        other_channel = 0.1 * np.random.default_rng(i).standard_normal(RATE)
        write(tmp_path / "noise" / place / "ch02.flac", other_channel)
    p = build(Prepare, {"n_processes": 1, "noise_glob": "*/ch01.flac", "holdout_noises": [name]})
    rows = plan.draw(p, sources.Sources(root / "speech", tmp_path / "noise", root / "rooms")).rows
    assert set(rows[rows.noise_path == "kitchen/ch01.flac"].split) <= {"test"}
    # Two channels of one recording, one of them tested, would be a leak.
    assert not rows.noise_path.str.contains("ch02").any()


def test_the_same_audio_twice_is_used_once(root, tmp_path):
    shutil.copytree(root, tmp_path / "twice")
    speech = tmp_path / "twice" / "speech"
    shutil.copy(speech / "speaker0" / "s1.wav", speech / "speaker1" / "copy.wav")
    drawn = draw(tmp_path / "twice")
    assert drawn.skipped.set_index("path").reason.to_dict() == {
        "speaker1/copy.wav": "the same audio as speaker0/s1.wav"
    }


def test_speakers_come_from_a_pattern_where_folders_do_not_tell(root, tmp_path):
    for i in range(6):
        name = f"book_0{i}_reader_{i // 2:03d}_0.wav"
        shutil.copy(root / "speech" / "speaker0" / f"s{i}.wav", tmp_path / name)
    folders = sources.Sources(tmp_path, root / "noise", root / "rooms")
    options = {"speaker_pattern": r"reader_(\d+)", "holdout_speakers": "['001']"}
    p = build(Prepare, {"n_processes": 1} | options)
    rows = plan.draw(p, folders).rows
    assert set(rows.speaker) == {"000", "001", "002"}
    assert set(rows[rows.speaker == "001"].split) == {"test"}
    wrong = p.model_copy(update={"speaker_pattern": "singer_(.)"})
    message = r"speaker_pattern = 'singer_\(\.\)' is not found in book_00"
    with pytest.raises(ValueError, match=message):
        plan.draw(wrong, folders)


def test_a_test_of_fixed_size_is_of_held_out_speakers_and_leaves_the_rest_alone(root):
    held_out = {"holdout_speakers": ["speaker1"], "test_share": 0.2}
    before = draw(root, **held_out).rows
    fixed = {"n_test": 24, "n_test_clean": 5, "test_snr_db": [0.0, 20.0]}
    after = draw(root, **held_out, **fixed, p_clean=0.0).rows
    test = after[after.split == "test"]
    assert set(test.speaker) == {"speaker1"} and len(test) == 29 and not test.id.duplicated().any()
    assert test.snr_db.value_counts().to_dict() == {0.0: 12, 20.0: 12}
    assert (test.snr_db.isna() == (test.noise_path == "")).all() and test.snr_db.isna().sum() == 5
    rest = [rows[rows.split != "test"].set_index("id")[[*DRAWN]] for rows in (before, after)]
    pd.testing.assert_frame_equal(*rest)


def test_held_out_rooms_are_in_the_test_alone(root):
    rows = draw(root, holdout_rooms=["room1"], p_reverb=1.0, test_share=0.0, **HELD_OUT).rows
    assert set(rows[rows.split == "test"].rir) == {"room1.wav"}
    assert "room1.wav" not in set(rows[rows.split != "test"].rir)
    with pytest.raises(ValueError, match=r"held-out room \['hall'\] not found"):
        draw(root, holdout_rooms=["hall"])


def test_speed_changes_the_length_of_a_row(root):
    options = {"speed_min": 1.25, "speed_max": 1.25}
    before, after = (draw(root, **some).rows.set_index("id") for some in ({}, options))
    factor = (before.duration / after.duration.loc[before.index]).groupby(before.split).mean()
    assert factor.to_dict() == pytest.approx({"train": 1.25, "valid": 1.0, "test": 1.0})


def test_a_corpus_of_before_is_the_one_of_the_defaults(root):
    """Its settings have no word of later parameters, and its rows no columns of them."""
    settings = draw(root).settings
    later = "join_below p_clean p_noise_alone p_codec formant_max n_test holdout_rooms".split()
    assert not set(later) & set(settings)
    assert draw(root, p_codec=0.5).settings["p_codec"] == 0.5
    rows = without_unused(draw(root).rows)
    assert not {"parts", "speed", "equaliser", "codec", "formant"} & set(rows)
    assert {"speed"} < set(without_unused(draw(root, speed_max=1.1).rows))
    assert {"formant"} < set(without_unused(draw(root, formant_max=1.1).rows))


def test_noise_alone_and_formants_leave_a_test_of_fixed_size_as_it_is(root):
    fixed = {"n_test": 24, "n_test_clean": 5, "holdout_speakers": ["speaker1"], "test_share": 0.2}
    later = {"p_noise_alone": 0.5, "formant_min": 0.8, "formant_max": 1.2}
    before, after = (draw(root, **fixed, **some).rows.set_index("id") for some in ({}, later))
    columns = [name for name in before if name != "batch"]
    tests = [rows.loc[rows.split == "test", columns] for rows in (before, after)]
    pd.testing.assert_frame_equal(*(test.sort_index() for test in tests))
    train = after[after.split == "train"]
    assert (train.snr_db == -np.inf).mean() == pytest.approx(0.5, abs=0.15)
    spoken = train[train.snr_db > -np.inf]
    assert spoken.formant.between(0.8, 1.2).all() and spoken.formant.std() > 0.05


def test_a_batch_is_sixteen_rows_or_four_minutes_or_one_row():
    batches = pd.Series(plan.batch_numbers(pd.Series([1.0] * 20 + [100.0] * 5 + [1_000.0] * 2)))
    assert batches.value_counts().sort_index().tolist() == [16, 6, 2, 1, 1, 1]


def test_a_hold_out_that_is_not_there_is_refused_before_a_file_is_read(root, monkeypatch):
    monkeypatch.setattr(survey, "survey", lambda *args, **named: pytest.fail("files were read"))
    with pytest.raises(ValueError, match=r"held-out speaker \['speeker1'\] not found"):
        draw(root, holdout_speakers=["speeker1"])
    with pytest.raises(ValueError, match=r"held-out noise \['kitchen'\] not found"):
        draw(root, holdout_noises=["kitchen"])


def test_cuda_where_there_is_none_is_refused_before_any_work(root, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match=r"device = 'cuda': PyTorch finds no CUDA device"):
        draw(root, device="cuda")


@pytest.mark.parametrize("missing", ["speech", "noise"])
def test_an_empty_folder_is_named_before_any_work(root, tmp_path, missing):
    folders = sources.Sources(root / "speech", root / "noise", root / "rooms")
    with pytest.raises(ValueError, match=f"{tmp_path}: no {missing} files in it"):
        plan.draw(Prepare(), folders._replace(**{missing: tmp_path}))


def test_two_files_that_would_have_one_name_are_refused(root, tmp_path):
    shutil.copytree(root, tmp_path / "twice")
    for i, name in enumerate(("a b.wav", "a_b.wav")):
        write(tmp_path / "twice" / "speech" / "speaker0" / name, voiced(1.0, 50 + i))
    both = r"speaker0/a b.wav and speaker0/a_b.wav would both be named speaker0_a_b_0"
    with pytest.raises(ValueError, match=both):
        draw(tmp_path / "twice", items_per_utterance=1)


def test_settings_name_the_corpus_and_not_the_way_it_is_made(root):
    settings = draw(root, corpus="one").settings
    assert settings["seed"] == 0 and len(settings["plan"]) == 64
    assert not {"n_processes", "corpus", "speech_dir"} & set(settings)
    assert draw(root, corpus="two").settings == settings
    assert draw(root, seed=1).settings["plan"] != settings["plan"]
