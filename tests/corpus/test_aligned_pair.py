"""Lag, gain and polarity of a recorded pair are found and removed, or the pair is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
from signals import RATE, noise, voiced, write

from lib.corpus.aligned_pair import align_pair
from lib.corpus.sources import Sources

VOICE = voiced(2.0, 3)
ROW = SimpleNamespace(clean_path="clean.wav", noisy_path="noisy.wav")


def aligned(folder, clean, noisy, max_lag_ms=500.0, noisy_rate=RATE):
    write(folder / "clean.wav", clean, subtype="FLOAT")
    write(folder / "noisy.wav", noisy, noisy_rate, subtype="FLOAT")
    return align_pair(ROW, Sources(folder, noisy=folder), max_lag_ms, 1.0)


@pytest.mark.parametrize("lag", [0, 777, -1_234])
@pytest.mark.parametrize("gain", [1.0, 0.1, -0.5])
def test_lag_gain_and_polarity_are_removed(tmp_path, lag, gain):
    late = np.concatenate([np.zeros(max(lag, 0)), VOICE[max(-lag, 0) :]])
    noisy = gain * (late + noise(len(late) / RATE, 0.01))
    pair = aligned(tmp_path, VOICE, noisy)
    assert (pair.lag, pair.inverted) == (lag, gain < 0)
    assert pair.gain_db == pytest.approx(20 * np.log10(abs(gain)), abs=0.1)
    assert len(pair.clean) == len(pair.noisy)
    # What is left beside clean is the noise, at the level of noisy.
    assert (pair.noisy - pair.clean).std() == pytest.approx(0.01 * abs(gain), rel=0.05)


def test_what_cannot_be_aligned_is_refused_with_its_reason(tmp_path):
    late = np.concatenate([np.zeros(9_600), VOICE])
    with pytest.raises(ValueError, match=r"cannot be aligned with clean within 100 ms: confid"):
        aligned(tmp_path, VOICE, late, max_lag_ms=100.0)
    with pytest.raises(ValueError, match="cannot be aligned"):
        aligned(tmp_path, VOICE, voiced(2.0, 77))
    with pytest.raises(ValueError, match=r"lengths differ by \+2\.00 s, expected at most 1\.0 s"):
        aligned(tmp_path, VOICE, np.concatenate([VOICE, np.zeros(2 * RATE)]))
    with pytest.raises(ValueError, match="sample rates differ: clean 48000 Hz, noisy 16000 Hz"):
        aligned(tmp_path, VOICE, VOICE[::3], noisy_rate=16_000)


def test_a_clock_that_runs_fast_is_a_lag_that_drifts(tmp_path):
    times = np.arange(len(VOICE))
    with pytest.raises(ValueError, match=r"the lag drifts: \[.*\] samples are left"):
        aligned(tmp_path, VOICE, np.interp(1.0002 * times, times, VOICE))
