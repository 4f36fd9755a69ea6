"""The spectral generator: a mask is a factor of compressed magnitudes."""

import pytest
import torch
from models.networks import random_inputs, small_generator

from lib.models.generator import restore_aligned


@pytest.mark.parametrize("of_noisy", [False, True])
@torch.no_grad()
def test_a_mask_scales_its_signal(of_noisy):
    """(1 + 0.1) of a magnitude to the power 0.3 is 1.1^(1 / 0.3) = 1.374 of the magnitude."""
    network = small_generator("spectral", mask_noisy=of_noisy, gate_pauses=False)
    network.head.weight.zero_()
    inputs = random_inputs(network, 9_600)
    inputs[:, 1] = inputs[:, 0]
    # The real parts of the masks come first: of enhanced, then of noisy.
    network.head.bias[1 if of_noisy else 0] = 0.1
    restored = restore_aligned(network, inputs)[..., 960:-960]
    # 24 kHz has no mask.
    expected = 1.1 ** (1 / 0.3) * inputs[:, :1, 960:-960]
    assert (restored - expected).norm() < 0.05 * expected.norm()
