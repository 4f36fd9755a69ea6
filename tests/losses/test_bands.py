"""The loss of bands: what gains can reach, and what may not get louder."""

import pytest
from losses.given import FULL_BAND, noise, tone, whole_length

from lib.losses.reconstruction import ReconstructionLoss


@pytest.mark.parametrize("target_db, restored_db, expected", [(3, 0, 3), (3, 3, 0), (20, 0, 6)])
def test_bands_are_compared_with_what_gains_of_6_db_can_reach(target_db, restored_db, expected):
    enhanced, loss = noise(0.03), ReconstructionLoss(("bands",))
    target, restored = (10 ** (gain_db / 20) * enhanced for gain_db in (target_db, restored_db))
    value = loss(restored, target, enhanced, whole_length(target), FULL_BAND)["bands"]
    assert value.item() == pytest.approx(expected, abs=0.05)


def test_bands_that_do_not_carry_the_voice_may_not_get_louder_and_may_get_quieter():
    """A tone at 1 kHz carries the voice; hiss 60 dB below it is all that other bands hold."""
    hiss, loss = noise(1e-3), ReconstructionLoss(("bands",))
    enhanced = tone(1_000) + hiss
    values = [
        loss(tone(1_000) + gain * hiss, enhanced, enhanced, whole_length(hiss), FULL_BAND)["bands"]
        for gain in (0.5, 1.0, 2.0)
    ]
    assert values[0] < 0.1 and values[1] == 0 and values[2] > 3
