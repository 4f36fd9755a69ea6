"""Spectrograms: axes, scale and levels."""

import numpy as np
import pytest
from signals import RATE

from lib.figures.base import COLOURS, png
from lib.figures.spectrograms import show, spectrograms


def sine(hz, amplitude=1.0, seconds=1.0):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def test_four_spectrograms_stand_on_one_scale_from_0_to_24_khz():
    signals = {name: sine(1500, 0.1, seconds=2) for name in COLOURS}
    figure = spectrograms(signals, RATE, bandwidth_hz=11_025)
    panels = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title(loc="left") for ax in panels] == ["noisy", "enhanced", "restored", "clean"]
    assert {ax.images[0].get_clim() for ax in panels} == {(-100, -30)}
    assert {tuple(ax.images[0].get_extent()[2:]) for ax in panels} == {(0, 24)}
    assert all(ax.lines[0].get_ydata()[0] == 11.025 for ax in panels)
    assert float(panels[0].images[0].get_array().max()) == pytest.approx(-20, abs=0.001)


def test_a_spectrogram_ends_at_max_seconds():
    figure = spectrograms({"clean": sine(1500, seconds=3)}, RATE, max_seconds=2)
    assert figure.axes[0].images[0].get_extent()[1] == pytest.approx(2, abs=0.02)


def test_a_figure_shows_other_signals_under_another_title():
    names = ("noisy", "clean")
    figure = spectrograms({name: sine(1500) for name in names}, RATE, "before", max_seconds=0.5)
    others = {"noisy": sine(3000), "clean": sine(6000)}
    show(figure, others, RATE, "after", max_seconds=0.5)
    expected = spectrograms(others, RATE, "after", max_seconds=0.5)
    for ax, other in zip(figure.axes[:2], expected.axes[:2], strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), other.images[0].get_array())
    assert figure.get_suptitle() == "after"


def test_a_full_bandwidth_has_no_line():
    figure = spectrograms({"clean": sine(1500)}, RATE, bandwidth_hz=24_000)
    assert not figure.axes[0].lines


SILENCE = np.zeros(9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "signals",
    [{}, {"clean": SILENCE, "noisy": np.zeros(0)}],
    ids=["no signals", "silence"],
)
def test_nothing_to_draw_is_drawn_without_a_warning(signals):
    assert png(spectrograms(signals, RATE), dpi=50).startswith(b"\x89PNG")
