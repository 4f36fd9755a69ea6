"""Parameters of `blind`."""

from refusals import refusal

from lib.config.base import build
from lib.config.blind import Blind


def test_a_blind_test_plays_1_to_12_pairs():
    assert build(Blind, {"n_blind": 12}).n_blind == 12
    assert "greater than or equal to 1" in refusal(Blind, n_blind=0)[0]
    assert "less than or equal to 12" in refusal(Blind, n_blind=13)[0]


def test_a_file_of_answers_must_exist(tmp_path):
    (tmp_path / "answers.json").touch()
    (line,) = refusal(Blind, answers=[str(tmp_path / "answers.json"), "nowhere.json"])
    assert line.startswith("answers[1] = 'nowhere.json'")
