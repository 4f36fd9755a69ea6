"""The waveform generator's own parts."""

import torch
from models.networks import random_inputs, small_generator

from lib.models.waveform import STRIDES, Residual, Waveform


def test_the_strides_take_48_khz_to_one_step_a_hop():
    assert torch.tensor(STRIDES).prod() == Waveform.hop_length == 480


@torch.no_grad()
def test_a_block_whose_second_layer_is_zero_changes_nothing():
    block = Residual(4)
    block.second.conv.parametrizations.weight.original0.zero_()
    block.second.conv.bias.zero_()
    x = torch.randn(2, 4, 50, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(x)[0], x)


@torch.no_grad()
def test_without_a_correction_it_is_a_delay_of_one_hop():
    network = small_generator("waveform")
    network.head.conv.parametrizations.weight.original0.zero_()
    x = random_inputs(network, 4_800)
    late, state = network(x)
    assert torch.equal(late[..., 480:], x[:, :1, :-480])
    assert torch.equal(state[-1], x[:, :1, -480:])
