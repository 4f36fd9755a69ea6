"""What is remarked of each file before it is called clean."""

import pytest

from lib.corpus.remarks import remarks, worst


@pytest.fixture(scope="module")
def lines(odd_files):
    return remarks(odd_files)


@pytest.mark.parametrize(
    "name, remark",
    [
        ("fine.flac", ""),
        ("eight.wav", ""),
        ("dc.wav", "DC of +0.200"),
        ("faint.wav", "faint (-"),
        ("slow_44k.aiff", "at 44100 Hz"),
        ("was_16k.flac", "holds nothing above 7.8 kHz, as a rate of 16 kHz leaves it"),
        ("lossy.mp3", "lossy codec MPEG_LAYER_III"),
        ("vorbis_44k.ogg", "lossy codec VORBIS"),
        ("clipped.wav", "of it is clipped"),
        ("silent.wav", "silent (peak"),
        ("prompt_8k.wav", "holds nothing above"),
    ],
)
def test_each_file_has_its_remark(lines, name, remark):
    assert remark in lines[name] and bool(lines[name]) == bool(remark)


def test_several_remarks_are_in_one_line(lines):
    assert lines["prompt_8k.wav"].endswith(", at 8000 Hz")


def test_the_worst_by_each_criterion_come_first(odd_files):
    first = worst(odd_files, 2).groupby("criterion").path.first().str.rpartition("/")[2]
    assert first["lowest bandwidth (Hz)"] == "prompt_8k.wav" and first["strongest DC"] == "dc.wav"
    assert first["faintest (dBFS)"] == "faint.wav" and first["shortest (s)"] == "short.wav"
    assert first["most clipped (share)"] == "clipped.wav"
