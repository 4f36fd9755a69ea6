"""Names of held-out speakers and noises are understood, or refused with the nearest ones."""

import pandas as pd
import pytest

from lib.corpus.holdouts import held_out_files, held_out_speakers

SPEAKERS = pd.Series(["speaker0", "speaker1", "speaker1"])
NOISES = pd.Series(["kitchen/ch01.flac", "kitchen/ch02.flac", "rain.wav"])


def test_a_speaker_is_held_out_by_name():
    assert held_out_speakers(SPEAKERS, ["speaker1"]).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kitchen/ch01.flac", [True, False, False]),
        ("kitchen/ch01", [True, False, False]),
        ("ch02", [False, True, False]),
        ("kitchen", [True, True, False]),
        ("rain", [False, False, True]),
    ],
)
def test_a_noise_is_held_out_by_its_path_its_file_or_its_folder(name, expected):
    assert held_out_files(NOISES, [name]).tolist() == expected


def test_the_message_says_what_kind_of_file_is_missing():
    with pytest.raises(ValueError, match="held-out room"):
        held_out_files(NOISES, ["hall"], "room")


def test_an_unknown_name_is_refused_with_the_nearest_one():
    message = r"held-out speaker \['speeker1'\] not found, did you mean speaker1\?"
    with pytest.raises(ValueError, match=message):
        held_out_speakers(SPEAKERS, ["speeker1"])


def test_a_name_like_no_other_is_refused_with_some_that_exist():
    message = r"held-out noise \['street'\] not found: there are ch01, ch02, rain"
    with pytest.raises(ValueError, match=message):
        held_out_files(NOISES, ["street"])
