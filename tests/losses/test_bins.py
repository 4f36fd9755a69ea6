"""The loss of bins: what gains can reach, and how bins count that do not carry the voice."""

import pytest
from losses.given import FULL_BAND, noise, tone, whole_length

from lib.losses.reconstruction import ReconstructionLoss


@pytest.mark.parametrize("target_db, restored_db, expected", [(3, 0, 3), (3, 3, 0), (20, 0, 12)])
def test_bins_are_compared_with_what_gains_of_12_db_can_reach(target_db, restored_db, expected):
    enhanced, loss = noise(0.03), ReconstructionLoss(("bins",))
    target, restored = (10 ** (gain_db / 20) * enhanced for gain_db in (target_db, restored_db))
    value = loss(restored, target, enhanced, whole_length(target), FULL_BAND)["bins"]
    assert value.item() == pytest.approx(expected, rel=0.03, abs=1e-4)


def test_bins_that_do_not_carry_the_voice_cost_three_times_as_much_above_the_target():
    hiss, loss = noise(4e-3), ReconstructionLoss(("bins",))
    enhanced = tone(1_000) + hiss
    above, same, below = (
        loss(tone(1_000) + gain * hiss, enhanced, enhanced, whole_length(hiss), FULL_BAND)["bins"]
        for gain in (2.0, 1.0, 0.5)
    )
    assert same < 1e-3
    assert above / below == pytest.approx(3.0, rel=0.15)
