"""The level at which the network hears a signal: a quiet one is heard louder than it is.

DeepFilterNet3 takes quiet speech for noise: of its features the low bins are divided by the root of
their mean, not by their mean, and ERB levels have a floor. Clean speech is lost below about -45 dB
re full scale; in noise as loud, or beside a sneeze that is louder, it begins to get lost at -35. So
a signal whose loudest part is below `NORMAL_DB` gets a gain before the network hears it, until its
loudest part is at `WORKING_DB`. The network's gains and filter taps are then applied to the signal
as it is, so that nothing has to be taken back.

Any other signal is heard as it is. Levels are in dB re full scale, of the mean power.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lib.deepfilter.grid import HOP_LENGTH, SAMPLE_RATE
from lib.deepfilter.pauses import QUIET_POWER

NORMAL_DB = -32.0  # a signal whose loudest part is above is heard as it is
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

    powers: np.ndarray  # [B, 19], of the last hops
    loudest_db: np.ndarray  # [B], level of the loudest part
    age: np.ndarray  # [B], hops since the first sound
    known: np.ndarray  # [B], whether the loudest part was known beforehand


def hop_powers(samples: np.ndarray) -> np.ndarray:
    """Mean power of each hop: `[B, T]`, T in whole hops -> `[B, T / 480]`.

    >>> hop_powers(np.full((1, 960), 0.1, np.float32))
    array([[0.01, 0.01]], dtype=float32)
    """
    hops = samples.reshape(len(samples), -1, HOP_LENGTH)
    return np.square(hops).mean(axis=2)


def unknown_level(batch_size: int) -> Level:
    """The level before a signal of which nothing is known."""
    powers = np.zeros((batch_size, N_MEAN - 1), np.float32)
    zeros = powers[:, 0]
    return Level(powers, zeros + SILENCE_DB, zeros.astype(int), zeros.astype(bool))


def known_level(power: np.ndarray, level: Level, whole: bool = False) -> Level:
    """`level` before hops that are known beforehand, as in a file or in a long chunk of a stream.

    The loudest part of the first 5 s counts from their start on. Nothing changes if the signal
    began more than 0.5 s ago, or if these hops are too few to end the first 0.5 s.

    Args:
        power: of these hops, `[B, n]`.
        whole: they are the whole signal, which may be shorter than 0.5 s.
    """
    levels_db, age = _measure(power, level)
    is_ahead = age <= N_AHEAD
    ahead = np.where(is_ahead, levels_db, np.float32(SILENCE_DB)).max(axis=1)
    known = (level.age < N_WAIT) & (age[:, -1] >= (1 if whole else N_WAIT))
    loudest_db = np.where(known, np.maximum(level.loudest_db, ahead), level.loudest_db)
    return level._replace(loudest_db=loudest_db, known=level.known | known)


def is_settled(level: Level) -> bool:
    """Whether `known_level` would change nothing."""
    return bool((level.known | (level.age >= N_WAIT)).all())


def follow(power: np.ndarray, level: Level) -> tuple[np.ndarray, Level]:
    """The gain with which the network hears each hop, in dB, and the level after them.

    Shape:
        - power: `[B, n]`, of the hops; gain: `[B, n]`, 0 to 50

    >>> speech = np.full((1, 100), 1e-6, np.float32)  # -60 dB
    >>> gain_db, _ = follow(speech, unknown_level(1))
    >>> gain_db[0, [0, 48, 49, 99]].round(2)  # the first half second is heard as it is
    array([ 0.,  0., 35., 35.], dtype=float32)
    """
    levels_db, age = _measure(power, level)
    # Neither a pause nor the first 5 s make the loudest part be forgotten.
    is_forgetting = (power >= QUIET_POWER) & (age > N_AHEAD)
    fallen = np.float32(FALL_DB) * is_forgetting.cumsum(axis=1, dtype=np.float32)
    # With `fallen` added, a level that falls by FALL_DB in each of these hops is constant.
    risen = np.concatenate([level.loudest_db[:, None], levels_db + fallen], axis=1)
    loudest_db = np.maximum.accumulate(risen, axis=1)[:, 1:] - fallen
    is_quiet = (loudest_db < NORMAL_DB) & ((age >= N_WAIT) | level.known[:, None])
    gain_db = np.where(is_quiet, np.minimum(WORKING_DB - loudest_db, MAX_GAIN_DB), 0)
    powers = np.concatenate([level.powers, power], axis=1)[:, 1 - N_MEAN :]
    return gain_db, level._replace(powers=powers, loudest_db=loudest_db[:, -1], age=age[:, -1])


def sample_gains(noisy: np.ndarray, level: Level, whole: bool = False) -> tuple[np.ndarray, Level]:
    """`known_level` and `follow` for samples: the gain of each as a factor, and the level after.

    Shape:
        - noisy, factors: `[B, T]`, float32, T in whole hops
    """
    power = hop_powers(noisy)
    if not is_settled(level):
        level = known_level(power, level, whole)
    gain_db, level = follow(power, level)
    return np.repeat(10 ** (gain_db / 20), HOP_LENGTH, axis=1), level


def _measure(power: np.ndarray, level: Level) -> tuple[np.ndarray, np.ndarray]:
    """Level of each hop and the 19 before it, hops since the first sound, `[B, n]` each."""
    powers = np.concatenate([level.powers, power], axis=1)
    means = sliding_window_view(powers, N_MEAN, axis=1).mean(axis=2)
    levels_db = 10 * np.log10(np.maximum(means, 10 ** (SILENCE_DB / 10)))
    began = (level.age[:, None] > 0) | np.logical_or.accumulate(power >= SOUND_POWER, axis=1)
    return levels_db, level.age[:, None] + began.cumsum(axis=1)
