"""Mel-cepstral distortions that are known beforehand."""

import librosa
import numpy as np
import pytest
from signals import RATE, low_passed, noise

from lib.metrics.mcd import mcd_db

FULL_HZ = 24_000.0


def rippled(signal: np.ndarray, n_half_waves: int, rms_db: float) -> np.ndarray:
    """`signal` through a cosine ripple over the 80 mel bands from 0 to 24 kHz."""
    hz = np.fft.rfftfreq(len(signal), 1 / RATE)
    band = librosa.hz_to_mel(hz) / librosa.hz_to_mel(FULL_HZ) * 81 - 1
    ripple_db = np.sqrt(2) * rms_db * np.cos(np.pi * n_half_waves * (band + 0.5) / 80)
    return np.fft.irfft(np.fft.rfft(signal) * 10 ** (ripple_db / 20)).astype(np.float32)


@pytest.mark.parametrize("n_half_waves", [2, 6, 12])
@pytest.mark.parametrize("rms_db", [0.61, 3.0])
def test_a_smooth_ripple_scores_its_rms_in_db(n_half_waves, rms_db):
    worse = rippled(noise(), n_half_waves, rms_db)
    assert mcd_db(worse, noise(), RATE, FULL_HZ) == pytest.approx(rms_db, rel=0.05)


def test_a_ripple_of_cepstrum_60_is_beyond_the_order():
    # what is left comes from low bands, which are as narrow as a bin
    assert mcd_db(rippled(noise(), 60, 3.0), noise(), RATE, FULL_HZ) < 1


def test_a_gain_does_not_count():
    assert mcd_db(0.5 * noise(), noise(), RATE, FULL_HZ) == pytest.approx(0.0, abs=1e-3)


def test_what_lies_above_the_bandwidth_does_not_count():
    clean = low_passed(noise(), 8000, "brick wall")
    # Hann's side lobes fall fast: a distance of 200 Hz hides them
    added = noise(seed=1) - low_passed(noise(seed=1), 8200, "brick wall")
    worse = (clean + added).astype(np.float32)
    assert mcd_db(worse, clean, RATE, 8000.0) < 0.01 < 3 < mcd_db(worse, clean, RATE, FULL_HZ)


def test_differences_90_db_down_are_below_the_floor():
    # full scale in its bins, nothing elsewhere
    tone = np.sin(2 * np.pi * 3000 * np.arange(RATE) / RATE)
    clean, other = ((tone + noise(1, 10 ** (-90 / 20), seed)).astype(np.float32) for seed in (0, 1))
    assert mcd_db(clean, other, RATE, FULL_HZ) < 0.01


@pytest.mark.parametrize("quiet_db, counts", [(-30, True), (-50, False)])
def test_frames_40_db_below_the_loudest_of_the_reference_do_not_count(quiet_db, counts):
    level = np.repeat([0.3, 0.3 * 10 ** (quiet_db / 20)], RATE)
    clean = (noise(level=1.0) * level).astype(np.float32)
    is_quiet = np.arange(2 * RATE) >= RATE
    worse = np.where(is_quiet, rippled(clean, 6, 3.0), clean)
    # a ripple of 3 dB in half of the frames, or in the few that the two seconds share
    assert (mcd_db(worse, clean, RATE, FULL_HZ) > 1) == counts
    assert (mcd_db(worse, clean, RATE, FULL_HZ) < 0.2) == (not counts)


def test_what_cannot_be_compared_is_missing():
    assert np.isnan(mcd_db(noise(), noise(), RATE, np.nan))
    assert np.isnan(mcd_db(noise(), 0 * noise(), RATE, FULL_HZ))


def test_a_bandwidth_too_narrow_for_80_bands_is_refused():
    with pytest.raises(ValueError, match=r"bandwidth_hz is 500\.0, expected at least 1000 Hz"):
        mcd_db(noise(), noise(), RATE, 500.0)
