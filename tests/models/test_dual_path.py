"""Two paths: a mask is a factor of compressed magnitudes, and lifts nothing in a pause."""

import pytest
import torch
from models.networks import random_inputs, small_generator

from lib.models.dual_path import N_GROUPS, Block
from lib.models.generator import restore_aligned


def with_mask(value: float, of_noisy: bool = False, **given):
    """A network whose masks are constant."""
    network = small_generator("dual_path", mask_noisy=True, **given)
    with torch.no_grad():
        network.head.weight.zero_()
        # The real parts of the masks come first: of enhanced, then of noisy.
        network.head.bias[1 if of_noisy else 0] = value
    return network


@pytest.mark.parametrize("of_noisy", [False, True])
@torch.no_grad()
def test_a_mask_scales_its_signal(of_noisy):
    """(1 + 0.1) of a magnitude to the power 0.3 is 1.1^(1 / 0.3) = 1.374 of the magnitude."""
    network = with_mask(0.1, of_noisy, gate_pauses=False)
    inputs = random_inputs(network, 9_600)
    inputs[:, 1] = inputs[:, 0]
    restored = restore_aligned(network, inputs)[..., 960:-960]
    # 24 kHz has no mask.
    expected = 1.1 ** (1 / 0.3) * inputs[:, :1, 960:-960]
    assert (restored - expected).norm() < 0.05 * expected.norm()


@pytest.mark.parametrize("mask", [0.1, -0.1])
@torch.no_grad()
def test_in_a_pause_nothing_gets_louder_and_what_is_cut_stays_cut(mask):
    """A second of a sine at -20 dB, then the same 60 dB softer."""
    sine = 0.1 * torch.sin(2 * torch.pi * 1_000 * torch.arange(48_000) / 48_000)
    x = torch.cat([sine, 1e-3 * sine]).expand(1, 2, -1)
    y = restore_aligned(with_mask(mask), x)
    speech, pause = (
        (y[..., inside].norm() / x[:, :1, inside].norm()).item()
        for inside in (slice(9_600, 38_400), slice(57_600, 86_400))
    )
    factor = (1 + mask) ** (1 / 0.3)
    assert speech == pytest.approx(factor, rel=1e-3)
    assert pause == pytest.approx(min(1.0, factor), rel=2e-3)


def test_the_network_that_learns_has_no_gate_and_the_same_weights():
    learning, in_use = (small_generator("dual_path", learning=given) for given in (True, False))
    in_use.load_state_dict(learning.state_dict())
    assert len(in_use.start(1)) == len(learning.start(1)) + 1


@torch.no_grad()
def test_each_group_hears_all_groups_of_its_frame():
    torch.manual_seed(0)
    block, x = Block(8), torch.randn(1, 3, N_GROUPS, 8)
    changed = x.clone()
    changed[0, 1, 7, 0] += 1
    state = torch.zeros(1, N_GROUPS, 8)
    difference = (block(changed, state)[0] - block(x, state)[0]).abs().amax(3)[0]
    assert not difference[0].any()
    assert difference[1:].all()
    # By the GRU, a group's past reaches only that group, until the next block's attention.
    assert block(changed, state)[1].sub(block(x, state)[1]).abs().amax(2).nonzero().tolist() == [
        [0, 7]
    ]
