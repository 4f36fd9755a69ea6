"""Errors of pitch and voicing that are known beforehand."""

import numpy as np
import pytest
from filelock import Timeout
from signals import RATE, noise, vowel

from lib.metrics import pitch as pitch_module
from lib.metrics.pitch import pitch
from lib.runtime.compile_lock import compile_lock


@pytest.mark.parametrize("cents", [0, 50, 100, 300])
def test_a_voice_moved_by_so_many_cents_is_found_so_far_away(cents):
    errors = pitch(vowel(150 * 2 ** (cents / 1200)), vowel(150), RATE)
    # to the step between two pitches that are tried
    assert errors["f0_error_cents"] == pytest.approx(cents, abs=20)
    assert errors["voicing_error"] < 0.05


def test_half_a_voice_that_has_become_noise_is_half_a_voicing_error():
    whispered = vowel(150)
    whispered[RATE:] = noise(1, 0.05)
    assert pitch(whispered, vowel(150), RATE)["voicing_error"] == pytest.approx(0.5, abs=0.05)


def test_the_pitch_error_of_noise_and_silence_is_missing():
    for unvoiced in (noise(1), 0 * noise(1)):
        assert np.isnan(pitch(unvoiced, vowel(150, 1), RATE)["f0_error_cents"])
    assert set(pitch(noise(1)[:100], noise(1)[:100], RATE)) == {"f0_error_cents", "voicing_error"}


def test_silence_differs_from_a_voice_in_every_frame_and_not_the_other_way_around():
    silence, voice = np.zeros(RATE, np.float32), vowel(150, 1)
    assert pitch(silence, voice, RATE)["voicing_error"] > 0.95
    assert np.isnan(pitch(voice, silence, RATE)["voicing_error"])


def test_only_one_process_at_a_time_compiles_the_kernels(monkeypatch):
    def compile_kernels(samples):
        with pytest.raises(Timeout):
            compile_lock().acquire(timeout=0)
        calls.append(len(samples))

    calls = []
    monkeypatch.setattr(pitch_module, "_pyin", compile_kernels)
    pitch_module._compile_pyin.cache_clear()
    try:
        pitch_module._compile_pyin()
        pitch_module._compile_pyin()
    finally:
        pitch_module._compile_pyin.cache_clear()
    assert len(calls) == 2  # once, for two shapes
