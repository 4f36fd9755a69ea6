"""The moving average of weights, by its numbers."""

import pytest
import torch

from lib.training.average import update_average


def linear(value: float) -> torch.nn.Linear:
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(layer.weight, value)
    return layer


def test_the_average_is_exponential_after_a_start_that_grows_with_the_steps():
    network, average = linear(1.0), linear(0.0)
    expected = 0.0
    for position in range(30):
        update_average(average, network, 0.5, position)
        decay = min(0.5, (1 + position) / (10 + position))
        expected = decay * expected + (1 - decay)
        assert average.weight.item() == pytest.approx(expected, rel=1e-6)


def test_without_decay_the_average_is_the_network():
    network, average = linear(1.0), linear(0.0)
    update_average(average, network, 0.0, 99)
    assert average.weight.item() == 1.0
