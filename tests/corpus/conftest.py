"""Sources and a corpus of them, made once for all files of this folder."""

import numpy as np
import pytest
from corpus.preparing import prepare
from signals import RATE, good_sources, odd_and_bad_speech, voiced, write

from lib.audio.files import resample
from lib.corpus import survey


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """Twelve utterances of two speakers, four noises, three rooms."""
    return good_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="session")
def laws(root):
    """The corpus `laws`: its plan, its folders, its manifest. Nobody may change its files."""
    return prepare(root, "laws")


@pytest.fixture(scope="session")
def odd_files(tmp_path_factory):
    """A survey, with bandwidth, of files of many formats and with many faults; by file name."""
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
    return table.set_index(table.path.str.rpartition("/")[2])
