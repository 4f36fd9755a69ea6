"""Kinds of parameters."""

import pytest
from refusals import refusal

from lib.config import fields
from lib.config.base import build
from lib.config.prepare import Prepare


def test_a_folder_must_exist_and_counts_from_where_the_command_was_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (line,) = refusal(Prepare, speech_dir="speech")
    assert "'speech'" in line and "found none" in line and str(tmp_path / "speech") in line
    (tmp_path / "speech").touch()
    assert "found a file" in refusal(Prepare, speech_dir="speech")[0]
    (tmp_path / "speech").unlink()
    (tmp_path / "speech").mkdir()
    p = build(Prepare, {"speech_dir": "speech"})
    assert p.speech_dir == "speech" and fields.resolve(p.speech_dir) == tmp_path / "speech"


def test_a_file_must_exist_and_a_path_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.csv").touch()
    assert fields.existing_file("pairs.csv") == "pairs.csv"
    assert fields.existing_path("pairs.csv") == str(tmp_path / "pairs.csv")
    with pytest.raises(ValueError, match="expected a file, found a folder"):
        fields.existing_file(".")
    with pytest.raises(ValueError, match="expected a file or a folder, found none"):
        fields.existing_path("nowhere")
    assert fields.existing_file("") == fields.existing_path("") == fields.existing_folder("") == ""


@pytest.mark.parametrize("value", ["", "..", "a/b", "a b", "-p", ".hidden"])
def test_a_name_cannot_lead_out_of_its_folder(value):
    with pytest.raises(ValueError, match="plain folder name"):
        fields.plain_name(value)


def test_a_name_may_have_digits_dots_and_dashes():
    assert fields.plain_name("voices_48k-v1.2") == "voices_48k-v1.2"
    assert fields.plain_name_or_empty("") == ""


@pytest.mark.parametrize("value", ["", "/data/*.wav", "../*.wav", "a/../../b"])
def test_a_pattern_of_paths_stays_below_its_folder(value):
    with pytest.raises(ValueError, match="below the folder"):
        fields.relative_glob(value)


def test_a_file_name_may_hold_two_dots():
    assert fields.relative_glob("**/a..b.wav") == "**/a..b.wav"
