"""Levels on the grid of scores and pictures."""

import numpy as np
import pytest
from signals import RATE, noise

from lib.audio import stft


def sine(hz: float, amplitude: float = 1.0, seconds: float = 1.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


@pytest.mark.parametrize("amplitude, expected", [(1.0, 0.0), (0.5, -6.0206), (0.001, -60.0)])
def test_a_sine_in_the_middle_of_a_bin_reads_its_level_re_full_scale(amplitude, expected):
    levels = stft.spectrogram_db(sine(1500, amplitude))
    assert levels.max(axis=0) == pytest.approx(np.full(levels.shape[1], expected), abs=0.001)
    assert (levels.argmax(axis=0) == 1500 * stft.N_FFT / RATE).all()


def test_a_sine_between_two_bins_reads_at_most_hanns_1_42_db_less():
    peak = stft.spectrogram_db(sine(1000)).max(axis=0)
    assert (peak <= 0.001).all() and (peak >= -1.43).all()


def test_silence_lies_at_the_floor_of_pictures_and_of_scores():
    shown = stft.spectrogram_db(np.zeros(RATE))
    scored, _ = stft.active_frames_db(np.zeros(RATE), noise(1))
    for levels, floor_db in ((shown, -160), (scored, -80)):
        assert levels == pytest.approx(np.full(levels.shape, floor_db), abs=1e-4)


def test_the_power_of_white_noise_is_6_over_n_fft_of_its_variance():
    # 4 * sum(w^2) / sum(w)^2 of a Hann window is 6 / N
    power = stft.power_spectrogram(noise(20, 0.1))
    assert power[1:-1].mean() == pytest.approx(6 / stft.N_FFT * 0.1**2, rel=0.02)


@pytest.mark.parametrize("n_samples, n_frames", [(0, 1), (100, 1), (2048, 1), (2560, 2), (3071, 2)])
def test_frames_lie_inside_the_signal_and_a_short_one_is_padded(n_samples, n_frames):
    framed = stft.frames(np.ones(n_samples))
    assert framed.shape == (n_frames, stft.N_FFT)
    assert framed.sum() == min(n_samples, stft.N_FFT) * n_frames


@pytest.mark.parametrize("quiet_db, n_active", [(-39.0, 2), (-41.0, 1)])
def test_frames_within_40_db_of_the_loudest_are_active(quiet_db, n_active):
    assert stft.is_active(np.array([1.0, 10 ** (quiet_db / 10)])).sum() == n_active


def test_only_the_last_signal_decides_which_frames_are_active():
    reference = np.concatenate([noise(1), np.zeros(RATE, np.float32)])
    estimate_power, reference_power = stft.active_power(noise(2, 1.0, seed=1), reference)
    assert estimate_power.shape == reference_power.shape
    # the frames that touch the first second
    assert len(reference_power) == pytest.approx(RATE / stft.HOP_LENGTH, abs=2)
    assert not len(stft.active_power(noise(1), 0 * noise(1))[0])
