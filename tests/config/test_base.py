"""Types that text gets, and errors in one line each."""

import pytest
from refusals import refusal

from lib.config.base import build, unknown_name
from lib.config.check import Check
from lib.config.listen import Listen
from lib.config.prepare import Prepare
from lib.config.train import Train


def test_text_gets_the_type_of_its_parameter():
    given = {
        "condition_on_noisy": "false",
        "lr": "1e-4",
        "epochs": "3",
        "batch_size": 4.0,
        "resume": None,
    }
    p = build(Train, given)
    assert (p.condition_on_noisy, p.lr, p.epochs, p.batch_size, p.resume) == (False, 1e-4, 3, 4, "")
    given = {"snr_db": "[0, 1e1]", "holdout_speakers": "[19, joe]", "noise_dir": "null"}
    p = build(Prepare, given | {"corpus": 7})
    assert (p.snr_db, p.holdout_speakers) == ([0.0, 10.0], ["19", "joe"])
    assert (p.noise_dir, p.corpus) == ("", "7")


def test_names_stay_as_they_are_typed():
    names = ["0170", "06701", "1_2", "no", "1:30", "1.10", "2024-01-01"]
    typed = f"[{', '.join(names)}]"
    p = build(Prepare, {"holdout_speakers": typed, "holdout_noises": typed, "corpus": "0170"})
    assert p.holdout_speakers == p.holdout_noises == names and p.corpus == "0170"
    assert build(Listen, {"run": "0123"}).run == ["0123"]


def test_numbers_are_decimal_and_truth_has_its_words():
    p = build(Train, {"seed": "010", "epochs": "1e1", "lr": "1.50e-3", "on_the_fly": "no"})
    assert (p.seed, p.epochs, p.lr, p.on_the_fly) == (10, 10, 1.5e-3, False)
    assert refusal(Train, seed="1:30")[0].startswith("seed = '1:30'")


@pytest.mark.parametrize(
    "model, name, value, expected",
    [
        (Train, "epochs", -1, "greater than or equal to 0"),
        (Train, "epochs", 2.5, "integer"),
        (Train, "epochs", True, "int"),
        (Train, "epochs", "null", "integer"),
        (Train, "condition_on_noisy", 1, "true or false"),
        (Train, "segment_length", 48001, "multiple of 480"),
        (Train, "lr", "nan", "finite"),
        (Train, "device", "tpu", "'cpu'"),
        (Train, "n_valid_scored", 65, "64"),
        (Prepare, "snr_db", "[]", "at least 1"),
        (Prepare, "snr_db", 5, "list"),
        (Prepare, "holdout_speakers", "anna", "list, typed as '[a, b]'"),
        (Prepare, "corpus", "../demo", "plain folder name"),
        (Prepare, "valid_share", 0.0, "greater than 0"),
        (Prepare, "speaker_pattern", "reader_", "a group in brackets"),
        (Prepare, "speaker_pattern", "reader_(", "a regular expression"),
        (Prepare, "speech_glob", "/data/*.wav", "below the folder"),
        (Prepare, "p_clip", 1.5, "less than or equal to 1"),
        (Prepare, "device", "auto", "'cpu'"),
        (Prepare, "pairs_csv", "nowhere.csv", "expected a file, found none"),
        (Listen, "split", "all", "'valid'"),
    ],
)
def test_a_refusal_is_one_line_with_name_value_and_what_is_expected(model, name, value, expected):
    (line,) = refusal(model, **{name: value})
    assert line.startswith(f"{name} = ") and expected in line and "http" not in line


def test_an_item_of_a_list_is_named_by_its_place():
    (line,) = refusal(Prepare, snr_db="[0, 90]")
    assert line.startswith("snr_db[1] = 90")


def test_every_problem_has_its_line():
    assert len(refusal(Train, epochs=-1, lr=0, typo=1)) == 3


def test_an_unknown_name_is_answered_with_the_nearest_one():
    (line,) = refusal(Train, gan_start_epochs=8)
    assert line == "gan_start_epochs: no such parameter of train, did you mean gan_start_epoch?"


def test_a_name_like_no_other_is_answered_with_all_names():
    names = "corpus, max_lag_ms, max_room_lag_ms, max_snr_error_db, min_level_db"
    assert f"qqq: no such parameter of check, known are {names}" in unknown_name(Check, "qqq")


def test_parameters_do_not_change_once_they_are_built():
    with pytest.raises(ValueError, match="frozen"):
        Check().corpus = "other"
