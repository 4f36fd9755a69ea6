"""The share of the GAN is what was asked for, at the layer where it is measured."""

import pytest
import torch
from torch import nn
from training.trainings import random_batch, small_learner

from lib.training.balance import Balance


def halves(batch):
    """The items of a batch in two micro-batches."""
    return [type(batch)(*(x[part] for x in batch)) for part in (slice(2), slice(2, None))]


def test_the_gradient_at_the_last_layer_holds_the_gan_in_its_share():
    """Two losses whose gradients are at a right angle: norms 3 and 40 become 3 and 1."""
    layer = nn.Linear(2, 2, bias=False)
    nn.init.eye_(layer.weight)
    balance = Balance(0.25)
    for _ in range(2):
        layer.zero_grad()
        output = layer(torch.tensor([[1.0, 0.0]]))
        leaf = output.detach().requires_grad_()
        balance.backward(output, leaf, 3 * leaf[0, 0], 40 * leaf[0, 1], 1.0, layer.weight)
        gradient = layer.weight.grad.clone()
        balance.end_step(scale=1.0)
    torch.testing.assert_close(gradient, torch.tensor([[3.0, 0.0], [1.0, 0.0]]))


def test_the_first_step_of_a_gan_measures_and_does_not_pull():
    norms = [
        small_learner(gan_share=share).step([random_batch()], ramp).norms["generator"]
        for share, ramp in ((0.5, None), (0.5, 1.0), (0.0, 1.0))
    ]
    assert norms[1] == pytest.approx(norms[0], rel=1e-5) and norms[2] != norms[0]


def test_micro_batches_measure_what_one_batch_measures():
    learners = [small_learner(gan_share=0.3) for _ in range(2)]
    batch = random_batch()
    for batches, learner in zip(([batch], halves(batch)), learners, strict=True):
        learner.step(batches, 1.0)
    assert learners[0].balance.norms == pytest.approx(learners[1].balance.norms, rel=1e-3)


def test_both_losses_may_share_a_band_limit():
    batch = random_batch()
    narrow = batch._replace(bandwidth_hz=torch.full_like(batch.bandwidth_hz, 8_000.0))
    learner = small_learner(gan_share=0.3)
    assert all(learner.step([narrow], 1.0).finite for _ in range(2))


def test_the_averages_are_saved_and_go_on():
    first, second = small_learner(gan_share=0.3), small_learner(gan_share=0.3)
    first.step([random_batch()], 1.0)
    second.load_state_dict(first.state_dict())
    assert second.balance.factor() == first.balance.factor() > 0


def test_norms_that_are_not_finite_are_forgotten():
    balance = Balance(0.5)
    balance.update(1.0, 2.0)
    balance._sums = [torch.tensor([torch.nan]), torch.tensor([1.0])]
    balance.end_step(scale=1.0)
    assert balance.norms == (1.0, 2.0)
