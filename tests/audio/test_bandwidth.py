"""The upper edge of shaped noise and, where there is some, of real speech."""

import os
from pathlib import Path

import numpy as np
import pytest
from signals import RATE, low_passed, noise, speech_like

from lib.audio import files
from lib.audio.bandwidth import bandwidth_hz

FULL_HZ = 24_000.0
REAL_SPEECH = os.environ.get("RETIMBRE_AUDIO")
needs_real_speech = pytest.mark.skipif(
    not REAL_SPEECH, reason="RETIMBRE_AUDIO names no folder of real speech"
)


def quantised(signal: np.ndarray, bits: int) -> np.ndarray:
    return np.round(signal * 2.0 ** (bits - 1)) / 2.0 ** (bits - 1)


def real_speech(speaker: str, every: int) -> list[np.ndarray]:
    paths = files.find(Path(REAL_SPEECH, "speech", speaker))
    return [files.read(path, RATE) for path in paths[::every]]


@pytest.mark.parametrize("make", [noise, speech_like])
@pytest.mark.parametrize("seconds", [1.0, 3.0])
def test_nothing_cut_off_is_full_band(make, seconds):
    assert bandwidth_hz(make(seconds), RATE) == FULL_HZ


@pytest.mark.parametrize("make", [noise, speech_like])
@pytest.mark.parametrize("how", ["resampled", "steep FIR", "brick wall"])
@pytest.mark.parametrize("edge_hz", [4000, 8000, 11_025, 16_000])
def test_a_low_pass_is_found_within_3_percent_at_any_level(make, how, edge_hz):
    signal = low_passed(make(), edge_hz, how)
    for level_db in (0, -20, -40):
        stored = quantised(signal * 10 ** (level_db / 20), 24)
        assert bandwidth_hz(stored, RATE) == pytest.approx(edge_hz, rel=0.03), level_db
    assert bandwidth_hz(quantised(signal, 16), RATE) == pytest.approx(edge_hz, rel=0.03)


def test_a_sample_rate_once_lower_is_found_and_each_rate_is_its_own_full_band():
    upsampled = files.resample(noise(), 22_050, RATE)
    assert bandwidth_hz(upsampled, RATE) == pytest.approx(11_025, rel=0.03)
    for rate in (8000, 16_000, 22_050, 44_100, 96_000):
        assert bandwidth_hz(noise(), rate) == rate / 2


def test_a_tone_above_the_edge_is_no_bandwidth():
    signal = low_passed(speech_like(), 8000, "steep FIR")
    tone = 0.001 * np.sin(2 * np.pi * 15_625 * np.arange(len(signal)) / RATE)
    assert bandwidth_hz(signal + tone, RATE) == pytest.approx(8000, rel=0.03)


def test_hiss_60_db_below_is_no_bandwidth():
    signal = low_passed(noise(), 8000, "steep FIR")
    assert bandwidth_hz(signal + noise(level=1e-4, seed=1), RATE) == pytest.approx(8000, rel=0.03)


def test_silence_has_no_bandwidth_and_a_few_samples_are_no_error():
    assert np.isnan(bandwidth_hz(np.zeros(RATE, np.float32), RATE))
    assert bandwidth_hz(noise(0.01), RATE) > 0


@needs_real_speech
@pytest.mark.parametrize(
    "speaker, low, high", [("kathleen", 23_000, 24_000), ("nathalie", 19_900, 20_700)]
)
def test_real_full_band_speech_holds_at_least_20_khz(speaker, low, high):
    for signal in real_speech(speaker, every=1):
        assert low <= bandwidth_hz(signal, RATE) <= high


@needs_real_speech
@pytest.mark.parametrize("how", ["resampled", "steep FIR", "brick wall"])
@pytest.mark.parametrize("edge_hz", [4000, 8000, 11_025, 16_000])
def test_a_low_pass_on_real_speech_is_found_within_3_percent(how, edge_hz):
    for signal in real_speech("kathleen", every=10) + real_speech("nathalie", every=12):
        cut = low_passed(signal, edge_hz, how)
        for stored in (quantised(cut, 24), quantised(0.01 * cut, 24), quantised(cut, 16)):
            assert bandwidth_hz(stored, RATE) == pytest.approx(edge_hz, rel=0.03)
