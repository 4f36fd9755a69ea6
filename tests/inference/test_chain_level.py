"""The level hop by hop: as `working_level` with hops that are known one by one."""

import numpy as np
import pytest
import torch
from inference.chains import hops_of, speech_with_pauses

from lib.deepfilter.working_level import (
    follow,
    hop_powers,
    is_settled,
    known_level,
    unknown_level,
)
from lib.inference.chain_level import LEVEL_STATES, Listen


def start():
    return [torch.zeros(shape) for shape in LEVEL_STATES.values()]


@pytest.mark.parametrize("scale", [1.0, 0.05, 0.01, 0.003])
def test_the_gain_is_that_of_the_working_level(scale):
    signal = scale * np.tile(speech_with_pauses(), 4)  # more than 5 s: levels fall
    level, states = unknown_level(1), start()
    for hop in hops_of(signal):
        power = hop_powers(hop[None])
        if not is_settled(level):
            level = known_level(power, level)
        gain_db, level = follow(power, level)
        hop = torch.from_numpy(hop)[None]
        _, is_active, factor, _, *states = Listen()(hop, torch.tensor(100.0), *states)
        assert 20 * np.log10(factor.item()) == pytest.approx(gain_db.item(), abs=1e-3)
        assert is_active.item() == (power * 10 ** (gain_db / 10) >= 1e-7).item()


def test_broken_samples_count_as_zero():
    hop = torch.tensor([[0.5, torch.nan, torch.inf, -torch.inf]]).repeat(1, 120)
    heard, *_ = Listen()(hop, torch.tensor(100.0), *start())
    assert heard.tolist() == 120 * [0.5, 0, 0, 0] or heard[0, :4].tolist() == [0.5, 0, 0, 0]


@pytest.mark.parametrize("limit, share", [(100, 0), (120, 0), (20, 0.1), (-20, 0.1), (0, 1)])
def test_the_limit_of_attenuation_is_a_share_of_noisy(limit, share):
    _, _, _, result, *_ = Listen()(torch.zeros(1, 480), torch.tensor(float(limit)), *start())
    assert result.item() == pytest.approx(share)
