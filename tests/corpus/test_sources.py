"""What is said of each file of any folder, before it is called clean."""

import numpy as np
import pytest
from signals import RATE, odd_and_bad_speech, voiced, write

from lib.audio.files import resample
from lib.corpus import survey


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("mixed")
    odd_and_bad_speech(root)
    full = np.random.default_rng(0).standard_normal(2 * RATE) * np.resize(voiced(1), 2 * RATE)
    full /= 2 * np.abs(full).max()
    write(root / "fine.flac", full, subtype="PCM_24")
    write(root / "dc.wav", full + 0.2, subtype="PCM_16")
    write(root / "faint.wav", 0.002 * full, subtype="FLOAT")
    write(root / "eight.wav", full, subtype="PCM_U8")
    write(root / "slow_44k.aiff", resample(full, RATE, 44_100), 44_100, "PCM_16")
    wide = resample(resample(full, RATE, 16_000), 16_000, RATE)
    write(root / "was_16k.flac", wide, subtype="PCM_24")
    write(root / "lossy.mp3", full)
    table = survey.survey(root, "speech", bandwidth=True)
    table["remark"] = survey.remarks(table)
    return table.set_index(table.path.str.rpartition("/")[2])


@pytest.mark.parametrize(
    "name, container, codec, bits, rate, remark",
    [
        ("fine.flac", "FLAC", "PCM_24", 24, RATE, ""),
        ("dc.wav", "WAV", "PCM_16", 16, RATE, "DC of +0.200"),
        ("faint.wav", "WAV", "FLOAT", 32, RATE, "faint (-"),
        ("eight.wav", "WAV", "PCM_U8", 8, RATE, ""),
        ("slow_44k.aiff", "AIFF", "PCM_16", 16, 44_100, "at 44100 Hz"),
        (
            "was_16k.flac",
            "FLAC",
            "PCM_24",
            24,
            RATE,
            "holds nothing above 7.8 kHz, as a rate of 16 kHz leaves it",
        ),
        ("lossy.mp3", "MP3", "MPEG_LAYER_III", np.nan, RATE, "lossy codec MPEG_LAYER_III"),
        ("vorbis_44k.ogg", "OGG", "VORBIS", np.nan, 44_100, "lossy codec VORBIS"),
        ("clipped.wav", "WAV", "PCM_16", 16, RATE, "of it is clipped"),
        ("silent.wav", "WAV", "PCM_16", 16, RATE, "silent (peak"),
        ("prompt_8k.wav", "WAV", "PCM_16", 16, 8_000, "holds nothing above"),
    ],
)
def test_each_file_has_its_container_codec_depth_rate_and_remark(
    files, name, container, codec, bits, rate, remark
):
    row = files.loc[name]
    assert (row.container, row.codec, row.sample_rate) == (container, codec, rate)
    assert row.bits == bits or (np.isnan(row.bits) and np.isnan(bits))
    assert remark in row.remark and (remark or not row.remark)


def test_the_worst_by_each_criterion_come_first(files):
    worst = survey.worst(files, 2).groupby("criterion").path.first().str.rpartition("/")[2]
    assert worst["lowest bandwidth (Hz)"] == "prompt_8k.wav" and worst["strongest DC"] == "dc.wav"
    assert worst["faintest (dBFS)"] == "faint.wav" and worst["shortest (s)"] == "short.wav"
    assert worst["most clipped (share)"] == "clipped.wav"
