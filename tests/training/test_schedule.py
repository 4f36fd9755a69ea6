"""Learning rates by their numbers; a schedule goes on exactly where it was."""

import warnings

import pytest
import torch

from lib.training.schedule import Schedule


def schedule(kind, n_steps=1_000, **given):
    adam = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    return Schedule([adam], kind, n_steps, **given), adam


def rates(kind, n_steps=1_000, **given):
    """The learning rate of each step."""
    built, adam = schedule(kind, n_steps, **given)
    values = []
    for _ in range(n_steps):
        values.append(adam.param_groups[0]["lr"])
        built.step()
    return values


def test_schedules_by_their_numbers():
    assert rates("constant", warmup_steps=4)[:6] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    cosine = rates("cosine", warmup_steps=0)
    assert cosine[0] == 1.0 and cosine[500] == pytest.approx(0.525)
    assert min(cosine) == cosine[-1] < 0.0501
    restarts = rates("restarts", warmup_steps=0, n_cycles=4)
    assert [restarts[i] for i in (0, 250, 500, 750)] == pytest.approx([1.0] * 4)
    assert [restarts[i] for i in (125, 249, 999)] == pytest.approx([0.525, 0.05, 0.05], abs=1e-3)


def test_the_warmup_of_a_short_training_is_a_tenth_of_it():
    assert rates("cosine", 20, warmup_steps=100)[1] == 1.0


@pytest.mark.parametrize("kind", ["constant", "cosine", "restarts"])
def test_a_schedule_goes_on_exactly_where_it_was(kind):
    whole = rates(kind)
    first, _ = schedule(kind)
    for _ in range(437):
        first.step()
    second, adam = schedule(kind)
    second.load_state_dict(first.state_dict())
    assert adam.param_groups[0]["lr"] == whole[437]
    second.halve()
    assert adam.param_groups[0]["lr"] == 0.5 * whole[437]
    second.step()
    assert adam.param_groups[0]["lr"] == 0.5 * whole[438]


def test_the_state_is_position_and_factor():
    built, _ = schedule("cosine")
    built.step()
    built.halve()
    assert built.state_dict() == {"position": 1, "factor": 0.5}


def test_an_optimiser_may_load_another_rate_and_may_rest_without_a_warning():
    """The discriminators' optimiser does not step before the GAN starts."""
    built, adam = schedule("constant", warmup_steps=0)
    state = adam.state_dict()
    state["param_groups"][0] |= {"lr": 7.0, "initial_lr": 7.0}
    adam.load_state_dict(state)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        built.step()
    assert adam.param_groups[0]["lr"] == 1.0
