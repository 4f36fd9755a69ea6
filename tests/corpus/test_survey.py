"""What is found out about each file, and which files are not usable."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from signals import RATE, overstated_mp3, voiced, write

from lib.audio import files
from lib.corpus import survey


@pytest.mark.parametrize(
    "name, container, codec, bits, rate",
    [
        ("fine.flac", "FLAC", "PCM_24", 24, RATE),
        ("dc.wav", "WAV", "PCM_16", 16, RATE),
        ("faint.wav", "WAV", "FLOAT", 32, RATE),
        ("eight.wav", "WAV", "PCM_U8", 8, RATE),
        ("slow_44k.aiff", "AIFF", "PCM_16", 16, 44_100),
        ("lossy.mp3", "MP3", "MPEG_LAYER_III", np.nan, RATE),
        ("vorbis_44k.ogg", "OGG", "VORBIS", np.nan, 44_100),
        ("prompt_8k.wav", "WAV", "PCM_16", 16, 8_000),
    ],
)
def test_each_file_has_its_container_codec_depth_and_rate(
    odd_files, name, container, codec, bits, rate
):
    row = odd_files.loc[name]
    assert (row.container, row.codec, row.sample_rate) == (container, codec, rate)
    assert row.bits == bits or (np.isnan(row.bits) and np.isnan(bits))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fine.flac", ""),
        ("clipped.wav", "of it is clipped"),
        ("silent.wav", "silent (peak"),
        ("text.wav", "not readable"),
        ("truncated.flac", "lost sync"),
        ("nan.wav", "NaN"),
    ],
)
def test_a_file_that_is_not_usable_has_its_reason(odd_files, name, reason):
    found = odd_files.reason[name]
    assert reason in found and bool(found) == bool(reason)


def test_numbers_of_a_file_are_those_of_its_samples(tmp_path):
    square = 0.25 + 0.5 * np.sign(np.sin(2 * np.pi * 100 * (np.arange(RATE) + 0.5) / RATE))
    row = survey.survey_file(write(tmp_path / "square.wav", square, subtype="FLOAT"))
    assert row["duration"] == 1.0 and row["peak"] == 0.75 and row["dc"] == pytest.approx(0.25)
    # Power 0.25^2 + 0.5^2 against 0.5 of a full-scale sine.
    assert row["level_db"] == pytest.approx(10 * np.log10(2 * 0.3125), abs=1e-4)


def test_the_length_of_an_mp3_is_that_of_its_samples_and_not_of_its_header(tmp_path):
    path = overstated_mp3(tmp_path / "a.mp3", voiced(1.0), n_frames=15)
    row = survey.survey_file(path)
    assert row["reason"] == "" and row["n_samples"] == len(files.read(path))
    assert row["duration"] == row["n_samples"] / RATE < 1.03 < files.info(path).duration


def test_a_copy_of_a_file_is_not_usable_unless_copies_are_allowed(tmp_path):
    for name in ("a.wav", "b.wav"):
        write(tmp_path / name, voiced(1.0), subtype="PCM_16")
    table = survey.survey(tmp_path, "speech", min_duration=0.5)
    assert table.reason.tolist() == ["", "the same audio as a.wav"]
    assert not survey.survey(tmp_path, "speech", copies=True).reason.any()


def test_a_file_without_samples_is_not_called_silent(tmp_path):
    write(tmp_path / "none.wav", np.zeros(0))
    assert survey.survey(tmp_path, "speech").reason.tolist() == ["holds no samples"]


def test_a_short_file_is_not_usable(tmp_path):
    write(tmp_path / "short.wav", voiced(0.25))
    table = survey.survey(tmp_path, "speech", min_duration=0.5)
    assert table.reason.tolist() == ["0.250 s long, expected at least 0.5 s"]


def test_a_name_that_is_not_utf_8_is_escaped_and_not_usable(tmp_path):
    write(tmp_path / "x.wav", voiced(1.0))
    try:
        (tmp_path / "x.wav").rename(tmp_path / "x\udcfc.wav")
    except OSError:
        pytest.skip("this file system has names in UTF-8 alone")
    table = survey.survey(tmp_path, "speech")
    assert table.path.tolist() == ["x\\xfc.wav"]
    assert table.reason.tolist() == ["its name is not UTF-8: rename the file"]


def test_a_rate_at_which_no_speech_is_recorded_is_not_usable(tmp_path):
    soundfile.write(tmp_path / "slow.wav", voiced(1.0)[:20], 1)
    assert survey.survey(tmp_path, "noise").reason.tolist() == [
        "at 1 Hz, expected at least 4000 Hz"
    ]


def test_noise_may_be_clipped_and_targets_may_not(tmp_path):
    write(tmp_path / "loud.wav", np.clip(40 * voiced(1.0), -1, 1), subtype="PCM_16")
    assert survey.survey(tmp_path, "noise").reason.tolist() == [""]
    for kind in survey.TARGET_KINDS:
        assert "of it is clipped" in survey.survey(tmp_path, kind).reason[0]


def test_too_few_usable_files_are_refused_with_the_reasons_of_the_others(tmp_path):
    for i in range(3):
        write(tmp_path / f"{i}.wav", voiced(0.3 + 0.2 * i, i))
    table = survey.survey(tmp_path, "speech", min_duration=0.4)
    message = r"2 usable speech files of 3, .* train, valid, test; 0\.wav: 0\.300 s long"
    with pytest.raises(ValueError, match=message):
        survey.require_enough(tmp_path, "speech", table)
    assert len(survey.require_enough(tmp_path, "speech", table.assign(reason=""))) == 3


def test_a_file_is_read_again_only_if_its_size_or_time_has_changed(tmp_path, monkeypatch):
    folder, read = tmp_path / "many", []

    def counted(path, original=survey.read):
        read.append(path.name)
        return original(path)

    monkeypatch.setattr(survey, "read", counted)
    for i in range(3):
        write(folder / f"{i}.wav", voiced(0.6, i), subtype="PCM_16")
    (folder / "3.wav").write_bytes(b"RIFF no audio")
    first = survey.survey(folder, "speech", bandwidth=True)
    assert read == ["0.wav", "1.wav", "2.wav"]
    again = survey.survey(folder, "speech", bandwidth=True)
    pd.testing.assert_frame_equal(first, again)
    assert first.reason.ne("").tolist() == [False] * 3 + [True]
    write(folder / "1.wav", voiced(0.6, 7), subtype="PCM_16")  # of the same size
    changed = survey.survey(folder, "speech", bandwidth=True)
    assert read == ["0.wav", "1.wav", "2.wav", "1.wav"]
    assert (changed.content != first.content).tolist()[:3] == [False, True, False]
    # What is asked of a file is decided anew.
    longer = survey.survey(folder, "speech", min_duration=1.0, bandwidth=True)
    assert longer.reason[:3].str.contains("expected at least 1.0 s").all()
