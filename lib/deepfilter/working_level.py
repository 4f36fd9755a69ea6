"""The level at which the network hears a signal: a quiet one is heard louder than it is.

DeepFilterNet3 takes speech below about -45 dB re full scale for noise: of its features the low bins
are divided by the root of their mean, not by their mean, and ERB levels have a floor. So a signal
whose loudest part is below `NORMAL_DB` gets a gain before the network hears it. The network's gains
and filter taps are then applied to the signal as it is, so that nothing has to be taken back.

A sneeze or a bark may be louder than the speech that matters. If nine tenths of the first 5 s are
below `USUAL_DB`, a signal gets a gain until its loudest part is at `BURST_DB`. The gain is always
that of the loudest part, so that a burst does not get louder than speech is elsewhere.

Any other signal is heard as it is, so that corpora stay what they are. In noise as loud as speech
the network begins to lose speech some dB above the thresholds. Levels are in dB re full scale, of
the mean power.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lib.deepfilter.grid import HOP_LENGTH, SAMPLE_RATE
from lib.deepfilter.pauses import QUIET_POWER

NORMAL_DB = -40.0  # a signal whose loudest part is above is heard as it is
USUAL_DB = -41.5  # a signal that begins below nine tenths of the time is quiet but for bursts
BURST_DB = -32.0  # such a signal is heard as it is only if its loudest part is above
WORKING_DB = -25.0  # where the loudest part of a quiet signal is heard
MAX_GAIN_DB = 50.0
N_MEAN = 20  # hops over which levels are taken: a syllable is as long, a click is shorter
FALL_DB = 1.0 * HOP_LENGTH / SAMPLE_RATE  # the loudest part is forgotten by 1 dB in a second
SOUND_POWER = 10**-9.5  # -95 dB, above the rounding of 16 bits; its first sound begins a signal
N_WAIT = 50  # hops of an unknown signal that are heard as they are: 0.5 s
N_AHEAD = 500  # hops of a known signal whose loudest part counts from its start on: 5 s
SILENCE_DB = -200.0


class Level(NamedTuple):
    """What the gain follows from, besides the next hops."""

    powers: Tensor  # [B, 19], of the last hops
    loudest_db: Tensor  # [B], level of the loudest part
    age: Tensor  # [B], hops since the first sound
    known: Tensor  # [B], whether the loudest part was known beforehand
    normal_db: Tensor  # [B], if the loudest part is above, the signal is heard as it is


def unknown_level(batch_size: int, device: torch.device | str = "cpu") -> Level:
    """The level before a signal of which nothing is known."""
    powers = torch.zeros(batch_size, N_MEAN - 1, device=device)
    zeros = powers[:, 0]
    return Level(powers, zeros + SILENCE_DB, zeros.long(), zeros.bool(), zeros + NORMAL_DB)


def known_level(hops: Tensor, level: Level, whole: bool = False) -> Level:
    """`level` before `hops` that are known beforehand, as in a file or in a long chunk of a stream.

    The loudest part of the first 5 s counts from their start on. Nothing changes if the signal
    began more than 0.5 s ago, or if these hops are too few to end the first 0.5 s.

    Args:
        hops: `[B, n, 480]`.
        whole: they are the whole signal, which may be shorter than 0.5 s.
    """
    levels_db, power, age = _measure(hops, level)
    is_ahead = age <= N_AHEAD
    ahead = torch.where(is_ahead, levels_db, SILENCE_DB).amax(1)
    # Pauses do not count, nor what a batch is padded with.
    heard = torch.where(is_ahead & (power >= QUIET_POWER), levels_db, torch.nan)
    is_usually_quiet = heard.nanquantile(0.9, dim=1) < USUAL_DB
    known = (level.age < N_WAIT) & (age[:, -1] >= (1 if whole else N_WAIT))
    loudest_db = torch.where(known, torch.maximum(level.loudest_db, ahead), level.loudest_db)
    normal_db = torch.where(known & is_usually_quiet, BURST_DB, level.normal_db)
    return level._replace(loudest_db=loudest_db, known=level.known | known, normal_db=normal_db)


def is_settled(level: Level) -> bool:
    """Whether `known_level` would change nothing."""
    return bool((level.known | (level.age >= N_WAIT)).all())


def follow(hops: Tensor, level: Level) -> tuple[Tensor, Level]:
    """The gain with which the network hears each hop, in dB, and the level after them.

    Shape:
        - hops: `[B, n, 480]`; gain: `[B, n]`, 0 to 50

    >>> speech = torch.full((1, 100, HOP_LENGTH), 0.001)  # -60 dB
    >>> gain_db, _ = follow(speech, unknown_level(1))
    >>> gain_db[0, [0, 48, 49, 99]]  # the first half second of an unknown signal is heard as it is
    tensor([ 0.,  0., 35., 35.])
    """
    levels_db, power, age = _measure(hops, level)
    # Neither a pause nor the first 5 s make the loudest part be forgotten.
    fallen = FALL_DB * ((power >= QUIET_POWER) & (age > N_AHEAD)).cumsum(1)
    # With `fallen` added, a level that falls by FALL_DB in each of these hops is constant.
    risen = torch.cat([level.loudest_db[:, None], levels_db + fallen], dim=1)
    loudest_db = risen.cummax(1).values[:, 1:] - fallen
    is_quiet = (loudest_db < level.normal_db[:, None]) & ((age >= N_WAIT) | level.known[:, None])
    gain_db = torch.where(is_quiet, (WORKING_DB - loudest_db).clamp(max=MAX_GAIN_DB), 0.0)
    powers = torch.cat([level.powers, power], dim=1)[:, 1 - N_MEAN :]
    return gain_db, level._replace(powers=powers, loudest_db=loudest_db[:, -1], age=age[:, -1])


def sample_gains(noisy: np.ndarray, level: Level, whole: bool = False) -> tuple[np.ndarray, Level]:
    """`known_level` and `follow` for samples: the gain of each as a factor, and the level after.

    Shape:
        - noisy, factors: `[B, T]`, float32, T in whole hops
    """
    hops = torch.from_numpy(noisy).unflatten(1, (-1, HOP_LENGTH))
    if not is_settled(level):
        level = known_level(hops, level, whole)
    gain_db, level = follow(hops, level)
    return (10 ** (gain_db / 20)).repeat_interleave(HOP_LENGTH, dim=1).numpy(), level


def _measure(hops: Tensor, level: Level) -> tuple[Tensor, Tensor, Tensor]:
    """Level of each hop and the 19 before it, power of each hop, hops since the first sound."""
    power = hops.square().mean(2)
    means = F.avg_pool1d(torch.cat([level.powers, power], dim=1)[:, None], N_MEAN, 1)[:, 0]
    levels_db = 10 * torch.log10(means.clamp(min=10 ** (SILENCE_DB / 10)))
    began = (level.age[:, None] > 0) | ((power >= SOUND_POWER).cumsum(1) > 0)
    return levels_db, power, level.age[:, None] + began.cumsum(1)
