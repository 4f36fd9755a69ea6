"""The loss of contrast: what it hears, and what it does not mind."""

import pytest
import torch
from losses.given import FULL_BAND, noise, tone, whole_length

from lib.losses.reconstruction import ReconstructionLoss


def contrast(restored, target, bandwidth_hz=FULL_BAND) -> float:
    loss = ReconstructionLoss(("contrast",))
    return loss(restored, target, target, whole_length(target), bandwidth_hz)["contrast"].item()


def harmonics():
    """Of 1 kHz, up to 8 kHz: one in a band."""
    return sum(tone(1_000 * k, 0.1) for k in range(1, 9))


def test_a_level_of_the_whole_costs_nothing():
    target = harmonics() + noise(1e-2)
    assert contrast(0.3 * target, target) == pytest.approx(0, abs=0.05)


def test_gaps_that_are_filled_cost_as_many_db_as_they_are_filled_by():
    """Noise between harmonics that is 6 dB louder raises the mean level of the bins there."""
    target = harmonics() + noise(1e-3)
    values = [contrast(target + gain * noise(1e-3), target) for gain in (0, 1, 3)]
    assert values[0] == pytest.approx(0, abs=1e-4)
    # Some of a band's bins belong to the harmonic itself.
    assert 2 < values[1] < 6
    assert values[2] == pytest.approx(2 * values[1], rel=0.2)


def test_nothing_counts_above_12_khz_or_above_the_bandwidth():
    target = tone(1_000) + noise(0.03)
    other = target + tone(15_000)
    assert contrast(other, target) == pytest.approx(contrast(target, target), abs=0.05)
    high = target + tone(9_000)
    assert contrast(high, target) > 0.1
    assert contrast(high, target, torch.full_like(FULL_BAND, 6_000.0)) < 0.05
