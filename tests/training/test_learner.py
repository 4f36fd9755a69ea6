"""One optimiser step: micro-batches equal the large batch, what is not finite changes nothing, schedules go on exactly."""

import copy
import math

import pytest
import torch

from lib.config.base import build
from lib.config.train import Train
from lib.training.batches import Batch
from lib.training.learner import DTYPES, Learner, update_average
from lib.training.schedule import Schedule

T = 9_600


def settings(**given):
    small = {
        "channels": 4,
        "hidden": 16,
        "segment_length": T,
        "device": "cpu",
        "warmup_steps": 0,
        "lr": 1e-3,
    }
    return build(Train, small | given)


def batch(n=4, seed=0):
    signals = 0.1 * torch.randn(3, n, 1, T, generator=torch.Generator().manual_seed(seed))
    lengths = torch.full((n,), T) - 480 * torch.arange(n)
    return Batch(*signals, lengths, torch.full((n,), 24_000.0))


def rows(whole, *slices):
    return [Batch(*(part[cut] for part in whole)) for cut in slices]


def weights(learner, name="generator"):
    return torch.cat([weight.detach().flatten() for weight in getattr(learner, name).parameters()])


@pytest.mark.parametrize("ramp", [0.0, 1.0], ids=["alone", "gan"])
def test_micro_batches_are_exactly_the_large_batch_even_if_the_last_is_smaller(ramp):
    whole, found = batch(5), []
    for parts in ([whole], rows(whole, slice(0, 2), slice(2, 4), slice(4, 5))):
        learner = Learner(settings(grad_clip=1e6), 10, "cpu")
        terms, norms, *_ = learner.step(parts, ramp)
        gradients = torch.cat([weight.grad.flatten() for weight in learner.generator.parameters()])
        found.append((terms, norms, gradients, learner.discriminators.parts[0].layers[0].bias.grad))
    for one, other in zip(
        *[list(terms.values()) + list(norms.values()) for terms, norms, *_ in found], strict=True
    ):
        assert other == pytest.approx(one, rel=1e-4)
    torch.testing.assert_close(
        found[0][2], found[1][2], rtol=1e-3, atol=1e-5 * found[0][2].abs().max().item()
    )
    if ramp:
        torch.testing.assert_close(found[0][3], found[1][3], rtol=1e-4, atol=1e-6)


def test_the_norm_is_that_of_all_gradients_and_is_taken_before_clipping():
    learner = Learner(settings(grad_clip=1e-3), 10, "cpu")
    _, norms, *_ = learner.step([batch()], 1.0)
    for name, part in (
        ("generator", learner.generator),
        ("discriminators", learner.discriminators),
    ):
        clipped = math.sqrt(sum(weight.grad.square().sum().item() for weight in part.parameters()))
        assert clipped == pytest.approx(1e-3, rel=1e-3) and norms[name] > 0.1
    parts = [norm for name, norm in norms.items() if name.startswith("generator/")]
    assert math.hypot(*parts) == pytest.approx(norms["generator"], rel=1e-5)
    assert {"generator/gru", "generator/head"} <= set(norms)


@pytest.mark.parametrize("what", [(2, 0, 100), (2,)], ids=["a sample", "an item"])
def test_a_step_that_is_not_finite_changes_no_weight_and_no_moment(what):
    """Of a clean signal that is NaN all over, the loss is NaN and the gradient zero."""
    learner = Learner(settings(), 10, "cpu")
    learner.step([batch()], 1.0)
    before = [weights(learner, name) for name in ("generator", "average", "discriminators")]
    moments = {k: v["exp_avg"].clone() for k, v in learner.adam_g.state_dict()["state"].items()}
    broken = batch(seed=1)
    broken.clean[what] = torch.nan
    assert not any(learner.step([broken], 1.0)[2:])
    for old, name in zip(before, ("generator", "average", "discriminators"), strict=True):
        assert torch.equal(old, weights(learner, name))
    assert all(
        torch.equal(v["exp_avg"], moments[k])
        for k, v in learner.adam_g.state_dict()["state"].items()
    )
    assert (
        learner.schedule.position == 2
    )  # steps are counted all the same, so that the schedule ends where it should
    assert learner.step([batch(seed=2)], 1.0)[2] and not torch.equal(before[0], weights(learner))


def test_the_discriminators_rest_while_the_generator_trains_alone():
    learner = Learner(settings(), 10, "cpu")
    before = weights(learner, "discriminators")
    terms, norms, *_ = learner.step([batch()])
    assert torch.equal(before, weights(learner, "discriminators"))
    assert set(terms) == {"l1", "spectral"} and "discriminators" not in norms


def test_the_ramp_scales_what_the_gan_asks_of_the_generator_alone():
    def norms(ramp, **given):
        return Learner(settings(lambda_l1=1e-9, lambda_spectral=0, **given), 10, "cpu").step(
            [batch()], ramp
        )[1]

    half, full = norms(0.5), norms(1.0)
    assert half["generator"] == pytest.approx(0.5 * full["generator"], rel=1e-3)
    assert half["discriminators"] == pytest.approx(full["discriminators"], rel=1e-6)


def test_the_discriminators_hear_the_part_they_are_told():
    learner, whole = Learner(settings(discriminator_segment_length=4_800), 10, "cpu"), batch()
    terms, *_ = learner.step([whole], 1.0, start=2_400)
    other = Learner(settings(discriminator_segment_length=4_800), 10, "cpu")
    elsewhere = Batch(*whole)._replace(clean=whole.clean.clone())
    elsewhere.clean[..., :2_400] = 0.0
    elsewhere.clean[..., 7_200:] = 0.0
    again, *_ = other.step([elsewhere], 1.0, start=2_400)
    assert again["discriminator"] == pytest.approx(terms["discriminator"], rel=1e-6)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_like_single_with_its_own_scaler_for_each_optimiser(precision):
    single, half = Learner(settings(), 10, "cpu"), Learner(settings(precision=precision), 10, "cpu")
    assert half.scaler_g.is_enabled() == half.scaler_d.is_enabled() == (precision == "fp16")
    assert half.scaler_g is not half.scaler_d
    seen = []
    for learner in (single, half):
        for _ in range(20 if precision == "fp16" else 3):  # the scale is found by halving it
            terms, _, finite, overflowed = learner.step([batch()], 1.0)
            assert finite or overflowed
        seen.append(terms)
        assert finite
    assert seen[1]["spectral"] == pytest.approx(seen[0]["spectral"], rel=0.05)
    assert all(weight.dtype == torch.float32 for weight in half.generator.parameters())


def test_gradients_are_unscaled_before_they_are_measured():
    plain, scaled = Learner(settings(), 10, "cpu"), Learner(settings(precision="fp16"), 10, "cpu")
    scaled.scaler_g = torch.amp.GradScaler("cpu", init_scale=256.0)
    norms = [learner.step([batch()]).norms["generator"] for learner in (plain, scaled)]
    assert norms[1] == pytest.approx(norms[0], rel=0.05)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", list(DTYPES))
def test_a_step_on_cuda_is_finite_in_every_precision(precision):
    learner = Learner(settings(precision=precision), 10, "cuda")
    for _ in range(20):
        *_, finite, _ = learner.step([Batch(*(part.cuda() for part in batch()))], 1.0)
    assert finite


def test_the_average_is_exponential_after_a_start_that_grows_with_the_steps():
    network, averaged = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(1.0), averaged.weight.fill_(0.0)
    expected = 0.0
    for position in range(30):
        update_average(averaged, network, 0.5, position)
        decay = min(0.5, (1 + position) / (10 + position))
        expected = decay * expected + (1 - decay)
        assert averaged.weight.item() == pytest.approx(expected, rel=1e-6)
    other = torch.nn.Linear(1, 1, bias=False)
    update_average(averaged, other, 0.0, 99)
    assert torch.equal(averaged.weight, other.weight)  # decay 0: no average


def schedule(kind, n_steps=1_000, **given):
    adam = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    return Schedule([adam], kind, n_steps, **given), adam


def rates(kind, n_steps=1_000, **given):
    made, adam = schedule(kind, n_steps, **given)
    found = []
    for _ in range(n_steps):
        found.append(adam.param_groups[0]["lr"])
        made.step()
    return found


def test_schedules_by_their_numbers():
    assert rates("constant", warmup_steps=4)[:6] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    cosine = rates("cosine", warmup_steps=0)
    assert (
        cosine[0] == 1.0
        and cosine[500] == pytest.approx(0.525)
        and min(cosine) == cosine[-1] < 0.0501
    )
    restarts = rates("restarts", warmup_steps=0, n_cycles=4)
    assert [restarts[i] for i in (0, 250, 500, 750)] == pytest.approx([1.0] * 4)
    assert [restarts[i] for i in (125, 249, 999)] == pytest.approx([0.525, 0.05, 0.05], abs=1e-3)
    assert (
        rates("cosine", 20, warmup_steps=100)[1] == 1.0
    )  # of a short training the warm-up is a tenth


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
    second.step()
    assert adam.param_groups[0]["lr"] == 0.5 * whole[438]


def test_one_learner_goes_on_as_another_bit_for_bit():
    p = settings(precision="bf16", lr_schedule="restarts")
    first = Learner(p, 10, "cpu")
    first.step([batch()], 1.0)
    second = Learner(p, 10, "cpu")
    second.load_state_dict(
        copy.deepcopy(first.state_dict())
    )  # as from a file: optimisers would share tensors
    for learner in (first, second):
        learner.step([batch(seed=3)], 1.0)
    for name in ("generator", "average", "discriminators"):
        assert torch.equal(weights(first, name), weights(second, name))


def test_fine_tuning_starts_from_the_average_with_or_without_the_discriminators():
    first = Learner(settings(), 10, "cpu")
    for seed in range(3):
        first.step([batch(seed=seed)], 1.0)
    for with_them in (False, True):
        second = Learner(settings(lr_discriminator=3e-5, seed=5, warmup_steps=100), 1_000, "cpu")
        fresh = weights(second, "discriminators")
        second.start_from(first.state_dict(), with_them)
        assert torch.equal(weights(second), weights(first, "average"))
        assert torch.equal(
            weights(second, "discriminators"),
            weights(first, "discriminators") if with_them else fresh,
        )
        assert second.adam_d.param_groups[0]["lr"] == pytest.approx(
            3e-7
        )  # its own, at the first of 100 steps
