"""What was taken from the voice, and what came back."""

import numpy as np
import pytest
from signals import RATE

from lib.figures.base import png
from lib.figures.given_back import given_back

# The middles of bins 64 and 128, in seconds that begin with silence.
LOW_HZ, HIGH_HZ = 1500, 3000


def voice(high: float) -> np.ndarray:
    """A tone at 1.5 kHz and one at 3 kHz of amplitude `high`."""
    t = np.arange(RATE) / RATE
    low = 0.5 * np.sin(2 * np.pi * LOW_HZ * t)
    return low + high * np.sin(2 * np.pi * HIGH_HZ * t)


@pytest.fixture(scope="module")
def axes():
    signals = {"noisy": voice(0.3), "enhanced": voice(0.05)}
    signals |= {"restored": voice(0.1), "clean": voice(0.2)}
    return given_back(signals, RATE, "title", {"clean": "DistillMOS 4.00"}).axes


def test_a_quarter_of_a_tone_is_12_db_taken_of_which_6_db_come_back(axes):
    taken, back = (np.asarray(ax.images[0].get_array()) for ax in axes[4:6])
    assert taken[[64, 128]].mean(axis=1) == pytest.approx([0, -12.04], abs=0.01)
    assert back[[64, 128]].mean(axis=1) == pytest.approx([0, 6.02], abs=0.01)


def test_bins_that_carry_no_voice_are_blank(axes):
    assert all(np.ma.getmaskarray(ax.images[0].get_array())[200:].all() for ax in axes[4:6])


def test_panels_end_at_8_khz_and_bear_names_and_captions(axes):
    titles = [ax.get_title(loc="left") for ax in axes[:6]]
    assert titles[:4] == ["noisy", "enhanced", "restored", "clean   DistillMOS 4.00"]
    assert {tuple(ax.images[0].get_extent()) for ax in axes[:6]} == {(0, 1, 0, 8)}


@pytest.mark.filterwarnings("error")
def test_silence_is_drawn_without_a_warning():
    signals = dict.fromkeys(("noisy", "enhanced", "restored", "clean"), np.zeros(RATE))
    assert png(given_back(signals, RATE), dpi=40).startswith(b"\x89PNG")
