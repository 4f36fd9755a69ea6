"""Pitch, loudness and DNSMOS by signals whose values are known beforehand."""

import os
from pathlib import Path

import numpy as np
import pytest

from lib.audio import files
from lib.deepfilter.enhance import enhance
from lib.metrics.dnsmos import dnsmos
from lib.metrics.loudness import loudness_difference_lu, loudness_lufs
from lib.metrics.pitch import pitch

RATE = 48_000


def vowel(f0_hz: float, seconds: float = 2.0) -> np.ndarray:
    """Harmonics that fall by 6 dB an octave, up to 8 kHz."""
    t = np.arange(round(seconds * RATE)) / RATE
    tones = [np.sin(2 * np.pi * k * f0_hz * t + k * k) / k for k in range(1, int(8000 / f0_hz))]
    return (0.1 * np.sum(tones, axis=0)).astype(np.float32)


@pytest.mark.parametrize("cents", [0, 50, 100, 300])
def test_a_voice_moved_by_so_many_cents_is_found_so_far_away(cents):
    found = pitch(vowel(150 * 2 ** (cents / 1200)), vowel(150), RATE)
    assert found["f0_error_cents"] == pytest.approx(
        cents, abs=20
    )  # the step between two pitches that are tried
    assert found["voicing_error"] < 0.05


def test_half_a_voice_that_has_become_noise_is_half_a_voicing_error():
    whispered = vowel(150)
    rng = np.random.default_rng(0)
    whispered[RATE:] = 0.05 * rng.standard_normal(RATE)
    assert pitch(whispered, vowel(150), RATE)["voicing_error"] == pytest.approx(0.5, abs=0.05)


def test_pitch_of_what_has_none_is_missing():
    hiss = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) / 10
    for unvoiced in (0 * hiss, hiss):
        assert np.isnan(pitch(unvoiced, vowel(150, 1), RATE)["f0_error_cents"])
    assert set(pitch(hiss[:100], hiss[:100], RATE)) == {"f0_error_cents", "voicing_error"}
    assert pitch(0 * hiss, vowel(150, 1), RATE)["voicing_error"] > 0.95
    assert np.isnan(pitch(vowel(150, 1), 0 * hiss, RATE)["voicing_error"])


@pytest.mark.parametrize("gain_db", [-6.0, 3.0])
def test_a_gain_is_so_many_units_of_loudness(gain_db):
    gained = vowel(150) * 10 ** (gain_db / 20)
    assert loudness_difference_lu(gained, vowel(150), RATE) == pytest.approx(abs(gain_db), abs=0.01)


@pytest.mark.parametrize("signal", [np.zeros(RATE), np.ones(100)], ids=["silence", "2 ms"])
def test_what_has_no_loudness_is_missing(signal):
    assert np.isnan(loudness_lufs(signal, RATE))


def test_dnsmos_is_what_the_package_says_and_takes_what_the_package_refuses():
    import speechmos.dnsmos

    signal = vowel(150, 11.0)
    theirs = speechmos.dnsmos.run(files.resample(signal, RATE, 16_000), 16_000)
    ours = dnsmos(signal, RATE)
    assert list(ours) == ["dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "dnsmos_p808"]
    assert list(ours.values()) == pytest.approx(
        [theirs[name] for name in ("sig_mos", "bak_mos", "ovrl_mos", "p808_mos")], abs=1e-4
    )
    whole = dnsmos(np.tile(vowel(150, 2.0), 5), RATE)
    assert dnsmos(vowel(150, 2.0), RATE) == pytest.approx(whole, abs=0.2)  # repeated to one window
    assert np.isfinite(list(dnsmos(20 * signal, RATE).values())).all()
    assert np.isnan(list(dnsmos(0 * signal, RATE).values())).all()


@pytest.mark.skipif(
    "RETIMBRE_AUDIO" not in os.environ, reason="RETIMBRE_AUDIO names no folder of real speech"
)
def test_dnsmos_of_real_speech_rises_from_noisy_to_enhanced_to_clean():
    root = Path(os.environ["RETIMBRE_AUDIO"])
    clean, noise = (
        files.read(files.find(root / kind)[0], RATE)[: 4 * RATE] for kind in ("speech", "noise")
    )
    n = min(len(clean), len(noise))
    noisy = clean[:n] + noise[:n] * np.std(clean) / np.std(noise[:n])
    found = [dnsmos(one, RATE)["dnsmos_ovrl"] for one in (noisy, enhance(noisy), clean)]
    assert found == sorted(found)
