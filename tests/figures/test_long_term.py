"""Long-term spectra whose levels are known beforehand."""

import numpy as np
import pytest
from signals import RATE

from lib.audio import stft
from lib.figures.base import png
from lib.figures.long_term import long_term_level_db, long_term_spectrum

RNG = np.random.default_rng(0)


def test_the_long_term_spectrum_of_white_noise_is_flat_at_6_over_n_fft_of_its_power():
    noise = 0.1 * RNG.standard_normal(20 * RATE)
    level = long_term_level_db([noise], [noise], np.geomspace(100, 20_000, 50), RATE)
    # 4 * sum(w^2) / sum(w)^2 of a Hann window is 6 / N
    expected = 10 * np.log10(6 / stft.N_FFT * 0.1**2)
    assert level == pytest.approx(np.full(50, expected), abs=0.5)


def test_pauses_of_the_clean_signal_do_not_count_in_a_long_term_spectrum():
    noise, frequencies = 0.1 * RNG.standard_normal(4 * RATE), np.array([500.0, 5000.0])
    with_pause = np.concatenate([noise, np.zeros(8 * RATE)])
    hiss = with_pause + 0.01 * RNG.standard_normal(len(with_pause))
    without_pause = long_term_level_db([noise], [noise], frequencies, RATE)
    level = long_term_level_db([hiss], [with_pause], frequencies, RATE)
    assert level == pytest.approx(without_pause, abs=0.2)


def test_two_signals_count_by_the_number_of_their_frames():
    noise, frequencies = 0.1 * RNG.standard_normal(4 * RATE), np.array([1000.0])
    level = long_term_level_db([noise], [noise], frequencies, RATE)
    longer = [noise, np.tile(noise / 2, 3)]
    # a quarter of the power in three of four frames: (1 + 3 / 4) / 4
    expected = level + 10 * np.log10(7 / 16)
    assert long_term_level_db(longer, longer, frequencies, RATE) == pytest.approx(expected, abs=0.2)


def test_half_the_amplitude_lies_6_db_below_clean_everywhere():
    clean = 0.1 * RNG.standard_normal(RATE)
    figure = long_term_spectrum({"restored": [clean / 2], "clean": [clean]}, RATE)
    gap = figure.axes[1].lines[0].get_ydata()
    assert gap == pytest.approx(np.full(len(gap), -6.0206), abs=0.001)


def test_a_signal_must_be_as_long_as_its_clean_version():
    with pytest.raises(ValueError, match=r"100 samples.*200"):
        long_term_spectrum({"noisy": [np.ones(100)], "clean": [np.ones(200)]}, RATE)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "signals, rate",
    [
        ({"noisy": [], "clean": []}, RATE),
        ({"a": [np.zeros(9)], "clean": [np.zeros(9)]}, 16_000),
    ],
    ids=["no signals", "silence"],
)
def test_nothing_to_draw_is_drawn_without_a_warning(signals, rate):
    assert png(long_term_spectrum(signals, rate), dpi=50).startswith(b"\x89PNG")
