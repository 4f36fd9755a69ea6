"""How one hop of noisy is heard: its gain, and whether it is a pause.

This is `lib.deepfilter.working_level` for hops that come one by one, with few operations and with
states that begin at zero.
"""

import math

import torch
from torch import Tensor, nn

from lib.deepfilter.grid import HOP_LENGTH
from lib.deepfilter.pauses import QUIET_POWER
from lib.deepfilter.working_level import (
    FALL_DB,
    MAX_GAIN_DB,
    N_AHEAD,
    N_MEAN,
    N_WAIT,
    NORMAL_DB,
    SILENCE_DB,
    SOUND_POWER,
    WORKING_DB,
)

# What the level remembers, see `working_level.Level`; all numbers are float32. A host that knows a
# recording beforehand sets the last two.
LEVEL_STATES = {
    "level_powers": (1, N_MEAN - 1),
    "level_age": (1, 1),  # hops since the first sound
    "level_loudest": (1, 1),  # dB above -200
    "level_known": (1, 1),  # 0 or 1
}
NEPERS_OF_DB = math.log(10) / 20


def next_level(power: Tensor, level: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The factor with which a hop of this mean power is heard, and the level behind it.

    Shape:
        - power, factor: `[1, 1]`; level: as `LEVEL_STATES`

    >>> level = tuple(torch.zeros(shape) for shape in LEVEL_STATES.values())
    >>> factors = []
    >>> for _ in range(50):  # at -60 dB, which are heard at -25 after half a second
    ...     factor, level = next_level(torch.tensor([[1e-6]]), level)
    ...     factors.append(round(20 * math.log10(factor)))
    >>> factors[48:]
    [0, 35]
    """
    powers, age, loudest, known = level
    powers = torch.cat([powers, power], dim=1)  # [1, 20]
    mean = powers.mean(1, keepdim=True).clamp(min=10 ** (SILENCE_DB / 10))
    above_silence_db = torch.log(mean) * (10 / math.log(10)) - SILENCE_DB
    sounds, is_loud = (power >= SOUND_POWER).float(), (power >= QUIET_POWER).float()
    age_after = age + torch.maximum(sounds, age.clamp(max=1.0))
    fall = FALL_DB * is_loud * (age_after > N_AHEAD).float()
    loudest = torch.maximum(loudest - fall, above_silence_db)

    # The end of the first half second, unless a host knew the level.
    known = torch.maximum(known, (age_after >= N_WAIT).float())
    is_quiet = (loudest < NORMAL_DB - SILENCE_DB).float() * known
    gain_db = is_quiet * (WORKING_DB - SILENCE_DB - loudest).clamp(max=MAX_GAIN_DB)
    factor = torch.exp(gain_db * NEPERS_OF_DB)
    return factor, (powers[:, 1:], age_after, loudest, known)


class Listen(nn.Module):
    """What is known of a hop before the network: is it heard, how loud, and the level behind it."""

    def forward(
        self, noisy: Tensor, atten_lim_db: Tensor, *level: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, *tuple[Tensor, ...]]:
        """The hop with zeros for NaN, is it no pause, factor, share of noisy, the new level.

        Shape:
            - noisy: `[1, 480]`; atten_lim_db: scalar; level: as `LEVEL_STATES`
            - hop: `[1, 480]`; is active: `[1]`, boolean; factor, share: `[1, 1]`
        """
        # NaN is not below infinity either.
        hop = torch.where(noisy.abs() < torch.inf, noisy, 0.0)
        power = hop.square().sum(1, keepdim=True) / HOP_LENGTH
        factor, level = next_level(power, level)
        is_active = (power * factor.square() >= QUIET_POWER)[0]
        # Upstream takes the limit with either sign; 100 or more is none.
        limit = atten_lim_db.abs().reshape(1, 1)
        share = torch.exp(limit * -NEPERS_OF_DB) * (limit < 100).float()
        return hop, is_active, factor, share, *level
