"""Small generators and inputs that the tests of the networks share."""

import torch
from torch import Tensor, nn

from lib.models.generator import make_generator


def small_generator(
    architecture: str = "bands", condition_on_noisy: bool = True, seed: int = 0, **given
) -> nn.Module:
    """A new generator of 8 channels, which gives `enhanced` back almost unchanged."""
    torch.manual_seed(seed)
    return make_generator(architecture, 8, 32, condition_on_noisy, **given)


def with_strong_output(generator: nn.Module) -> nn.Module:
    """Such a network whose gains or masks do something, as after training."""
    torch.manual_seed(1)
    network = type(generator)(*generator.arguments)
    if hasattr(network.head, "weight"):
        weight = network.head.weight
    else:
        weight = network.head.conv.parametrizations.weight.original0
    with torch.no_grad():
        weight.mul_(100)
    return network


def random_inputs(generator: nn.Module, n_samples: int, batch_size: int = 2) -> Tensor:
    """Noise `[B, C, T]` for a generator."""
    shape = batch_size, generator.n_inputs, n_samples
    return 0.1 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
