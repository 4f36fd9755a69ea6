"""Power and loudness in Bark bands, in cases whose answer is known."""

import pytest
import torch
from losses.given import RATE, tone

from lib.losses.bark import (
    BINS_OF_BAND,
    N_BANDS,
    N_BINS,
    POWER_SCALE,
    band_tables,
    bark_bands,
    input_filter,
    loudness,
)

N_FRAMES = torch.tensor([RATE // 768])


def test_the_bands_reach_8_khz():
    assert N_BANDS == 49 and N_BINS * 31.25 == 8_000


def test_the_level_of_a_signal_does_not_matter():
    bands = [bark_bands(gain * tone(1_000), N_FRAMES) for gain in (1.0, 0.01)]
    torch.testing.assert_close(bands[0], bands[1], rtol=1e-4, atol=1e-3)


def test_a_tone_lies_in_the_band_of_its_frequency():
    """1 kHz is bin 32."""
    edges = torch.tensor([0, *BINS_OF_BAND]).cumsum(0)
    band = int((edges <= 32).sum()) - 1
    power = bark_bands(tone(1_000), N_FRAMES)[0].mean(0)
    assert power.argmax() == band
    # A mean square of 1e7 at 1 kHz, spread by the window over 1.5 bins, after the filter's gain
    total = power.sum().item() / POWER_SCALE / input_filter(torch.tensor([1_000.0])).item()
    assert total == pytest.approx(1e7 * (512 / 2) * (3 / 8 * 512), rel=0.03)


def test_silence_stays_silent_and_finite():
    bands = bark_bands(torch.zeros(1, 1, RATE), N_FRAMES)
    assert bands.abs().max() == 0 and loudness(bands).abs().max() == 0


def test_far_above_the_threshold_loudness_grows_by_zwicker_s_exponent():
    """The exponent 0.23 gives 1.7 for ten times the power."""
    threshold, _, exponent = band_tables()
    loud, louder = loudness(1e9 * threshold), loudness(1e10 * threshold)
    torch.testing.assert_close(louder / loud, 10**exponent, rtol=0.01, atol=0)
    assert (louder / loud).min().item() == pytest.approx(1.70, abs=0.02)
