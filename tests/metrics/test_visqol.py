"""ViSQOL: as its package, best for equal signals, lower with more noise, blind to the level."""

import numpy as np
import pytest
import torch
from signals import RATE, low_passed, noise, speech_like

from lib.metrics.visqol import MAX_MOS, visqol

CLEAN = speech_like()
FULL_HZ = 24_000.0


def test_equal_signals_have_the_highest_score():
    assert visqol(CLEAN, CLEAN, RATE, FULL_HZ) == pytest.approx(MAX_MOS, abs=1e-4)


def test_it_falls_with_more_noise():
    scores = [
        visqol(CLEAN + noise(3, level), CLEAN, RATE, FULL_HZ)
        for level in (0.0005, 0.002, 0.01, 0.05)
    ]
    assert all(np.diff(scores) < 0)


def test_it_equals_the_package_s_own_call():
    from visqol import VisqolApi

    api, estimate = VisqolApi(), CLEAN + noise(3, 0.01)
    api.create(mode="audio", disable_global_alignment=True, disable_realignment=True)
    expected = api.measure_from_arrays(CLEAN.astype(float), estimate.astype(float), RATE).moslqo
    assert visqol(estimate, CLEAN, RATE, FULL_HZ) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("n_samples", [60_000, 60_013])  # a handy length, and a prime number
def test_the_band_ends_where_a_transform_of_the_whole_signal_is_cut(n_samples):
    clean, estimate = (x[:n_samples] for x in (CLEAN, CLEAN + noise(3, 0.01)))
    cut = [low_passed(x.astype(float), 7_001, "brick wall") for x in (estimate, clean)]
    expected = visqol(*cut, RATE, FULL_HZ)
    assert visqol(estimate, clean, RATE, 7_001.0) == pytest.approx(expected, abs=1e-6)


def test_what_was_scored_before_changes_nothing():
    other = np.roll(CLEAN, 5_000)
    pairs = [(CLEAN + noise(3, 0.01), CLEAN), (other + noise(3, 0.002), other)]
    first, second = (visqol(*pair, RATE, FULL_HZ) for pair in pairs)
    assert [visqol(*pair, RATE, FULL_HZ) for pair in pairs] == [first, second]
    assert abs(first - second) > 0.1


def test_hiss_above_the_bandwidth_changes_nothing():
    narrow = low_passed(CLEAN, 8_000, "brick wall").astype(np.float32)
    hiss = 0.03 * noise(3)
    spectrum = np.fft.rfft(hiss)
    spectrum[np.fft.rfftfreq(len(hiss), 1 / RATE) < 9_000] = 0.0
    hissing = (narrow + np.fft.irfft(spectrum, len(hiss))).astype(np.float32)
    assert visqol(hissing, narrow, RATE, FULL_HZ) < MAX_MOS - 0.5
    assert visqol(hissing, narrow, RATE, 8_500.0) == pytest.approx(MAX_MOS, abs=1e-3)


def test_it_leaves_the_number_of_threads_as_it_was():
    for n_threads in (2, 1):
        torch.set_num_threads(n_threads)
        visqol(CLEAN, CLEAN, RATE, FULL_HZ)
        assert torch.get_num_threads() == n_threads


def test_half_a_second_and_silence_have_no_score():
    assert np.isnan(visqol(CLEAN[: RATE // 2], CLEAN[: RATE // 2], RATE, FULL_HZ))
    assert np.isnan(visqol(0 * CLEAN, CLEAN, RATE, FULL_HZ))
