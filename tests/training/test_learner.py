"""One optimiser step: micro-batches equal the large batch; what is not finite changes nothing."""

import copy
import math

import pytest
import torch
from training.trainings import random_batch, settings, small_learner, weights

from lib.corpus.manifest import corpus_folder
from lib.data.loader import collate_keep_meta
from lib.data.segments import PairSegments
from lib.training.batches import to_batch
from lib.training.learner import DTYPES
from lib.training.step import Batch

NETWORKS = ("generator", "average", "discriminators")
NO_BINS = {"lambda_bins": 0.0, "lambda_contrast": 0.0}


def cut(whole, *slices):
    return [Batch(*(part[piece] for part in whole)) for piece in slices]


@pytest.mark.parametrize("ramp", [None, 0.0, 1.0], ids=["alone", "unheard", "gan"])
def test_micro_batches_are_exactly_the_large_batch_even_if_the_last_is_smaller(ramp):
    whole, results = random_batch(5), []
    for parts in ([whole], cut(whole, slice(0, 2), slice(2, 4), slice(4, 5))):
        learner = small_learner(grad_clip=1e6)
        terms, norms, *_ = learner.step(parts, ramp)
        gradients = torch.cat([weight.grad.flatten() for weight in learner.generator.parameters()])
        bias = learner.discriminators.parts[0].layers[0].bias.grad
        results.append((list(terms.values()) + list(norms.values()), gradients, bias))
    (numbers, gradients, bias), (small_numbers, small_gradients, small_bias) = results
    # In the norms signs of differences cancel out, which magnifies rounding.
    assert small_numbers == pytest.approx(numbers, rel=1e-3)
    largest = gradients.abs().max().item()
    torch.testing.assert_close(small_gradients, gradients, rtol=1e-3, atol=1e-5 * largest)
    if ramp is not None:
        torch.testing.assert_close(small_bias, bias, rtol=1e-4, atol=1e-6)


def test_the_norm_is_that_of_all_gradients_and_is_taken_before_clipping():
    learner = small_learner(grad_clip=1e-3)
    _, norms, *_ = learner.step([random_batch()], 1.0)
    for name in ("generator", "discriminators"):
        parameters = getattr(learner, name).parameters()
        clipped = math.sqrt(sum(weight.grad.square().sum().item() for weight in parameters))
        assert clipped == pytest.approx(1e-3, rel=1e-3) and norms[name] > 0.01
    parts = [norm for name, norm in norms.items() if name.startswith("generator/")]
    assert math.hypot(*parts) == pytest.approx(norms["generator"], rel=1e-5)
    assert {"generator/gru", "generator/head"} <= set(norms)


@pytest.mark.parametrize("where", [(2, 0, 100), (2,)], ids=["a sample", "an item"])
def test_a_step_that_is_not_finite_changes_no_weight_and_no_moment(where):
    """Of a clean signal that is NaN all over, the loss is NaN and the gradient zero."""
    learner = small_learner()
    learner.step([random_batch()], 1.0)
    before = [weights(learner, name) for name in NETWORKS]
    moments = {k: v["exp_avg"].clone() for k, v in learner.adam_g.state_dict()["state"].items()}
    broken = random_batch(seed=1)
    broken.clean[where] = torch.nan
    assert not any(learner.step([broken], 1.0)[2:])
    for old, name in zip(before, NETWORKS, strict=True):
        assert torch.equal(old, weights(learner, name))
    state = learner.adam_g.state_dict()["state"]
    assert all(torch.equal(values["exp_avg"], moments[key]) for key, values in state.items())
    # Skipped steps count, so that the schedule ends where it should.
    assert learner.schedule.position == 2
    assert learner.step([random_batch(seed=2)], 1.0).finite
    assert not torch.equal(before[0], weights(learner))


def test_the_discriminators_rest_while_the_generator_trains_alone():
    learner = small_learner()
    before = weights(learner, "discriminators")
    terms, norms, *_ = learner.step([random_batch()])
    assert torch.equal(before, weights(learner, "discriminators"))
    assert set(terms) == {"bins", "contrast"}
    assert "discriminators" not in norms


def test_the_model_of_pesq_forgives_a_slow_gain_if_it_is_asked_to():
    batch = random_batch()
    swelling = batch.enhanced * torch.linspace(0.5, 2.0, batch.enhanced.shape[2])
    batch = batch._replace(clean=swelling)
    lost = [
        small_learner(lambda_pesq=1.0, target="clean", **given).step([batch]).terms["pesq"]
        for given in ({}, {"pesq_forgives": True})
    ]
    assert lost[0] > 1 and lost[1] < 0.1


def test_the_ramp_scales_what_the_gan_asks_of_the_generator_alone():
    def norms(ramp):
        learner = small_learner(**NO_BINS, lambda_l1=1e-9, gan_share=0.0)
        return learner.step([random_batch()], ramp).norms

    half, full = norms(0.5), norms(1.0)
    assert half["generator"] == pytest.approx(0.5 * full["generator"], rel=1e-3)
    assert half["discriminators"] == pytest.approx(full["discriminators"], rel=1e-6)


def test_discriminators_that_warm_up_learn_and_the_generator_does_not_hear_them():
    alone, unheard, heard = (small_learner(gan_share=0.0) for _ in range(3))
    for learner, ramp in ((alone, None), (unheard, 0.0), (heard, 1.0)):
        terms = learner.step([random_batch()], ramp).terms
        assert ("adversarial" in terms, "discriminator" in terms) == (bool(ramp), ramp is not None)
    for name, value in unheard.generator.state_dict().items():
        assert torch.equal(value, alone.generator.state_dict()[name])
    for name, value in unheard.discriminators.state_dict().items():
        torch.testing.assert_close(value, heard.discriminators.state_dict()[name])
    first = next(iter(unheard.discriminators.parameters()))
    assert not torch.equal(first, next(iter(alone.discriminators.parameters())))


def test_the_discriminators_hear_their_part_of_the_segment_alone():
    whole = random_batch()
    given = {"discriminator_segment_length": 4_800, "target": "clean"}
    terms = small_learner(**given).step([whole], 1.0, start=2_400).terms
    changed = whole._replace(clean=whole.clean.clone())
    changed.clean[..., :2_400] = 0.0
    changed.clean[..., 7_200:] = 0.0
    other = small_learner(**given).step([changed], 1.0, start=2_400)
    assert other.terms["discriminator"] == pytest.approx(terms["discriminator"], rel=1e-6)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_like_single_with_its_own_scaler_for_each_optimiser(precision):
    single, half = small_learner(), small_learner(precision=precision)
    assert half.scaler_g.is_enabled() == half.scaler_d.is_enabled() == (precision == "fp16")
    assert half.scaler_g is not half.scaler_d
    last_terms = []
    for learner in (single, half):
        for _ in range(20 if precision == "fp16" else 3):  # the scale is found by halving it
            terms, _, finite, overflowed = learner.step([random_batch()], 1.0)
            assert finite or overflowed
        last_terms.append(terms)
        assert finite
    assert last_terms[1]["bins"] == pytest.approx(last_terms[0]["bins"], rel=0.05)
    assert all(weight.dtype == torch.float32 for weight in half.generator.parameters())


def test_gradients_are_unscaled_before_they_are_measured():
    plain, scaled = small_learner(), small_learner(precision="fp16")
    scaled.scaler_g = torch.amp.GradScaler("cpu", init_scale=256.0)
    norms = [learner.step([random_batch()]).norms["generator"] for learner in (plain, scaled)]
    assert norms[1] == pytest.approx(norms[0], rel=0.05)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", list(DTYPES))
def test_a_step_on_cuda_is_finite_in_every_precision(precision):
    learner = small_learner(precision=precision, device="cuda")
    batch = Batch(*(part.cuda() for part in random_batch()))
    for _ in range(20):
        result = learner.step([batch], 1.0)
    assert result.finite


def test_a_learner_that_loads_another_s_state_goes_on_bit_for_bit():
    given = {"precision": "bf16", "lr_schedule": "restarts"}
    first, second = small_learner(**given), small_learner(**given)
    first.step([random_batch()], 1.0)
    # A copy, as from a file: optimisers would share tensors.
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for learner in (first, second):
        learner.step([random_batch(seed=3)], 1.0)
    for name in NETWORKS:
        assert torch.equal(weights(first, name), weights(second, name))


@pytest.mark.parametrize("with_discriminators", [False, True])
def test_fine_tuning_starts_from_the_average_and_on_demand_its_discriminators(with_discriminators):
    first = small_learner()
    for seed in range(3):
        first.step([random_batch(seed=seed)], 1.0)
    second = small_learner(1_000, lr_discriminator=3e-5, seed=5, warmup_steps=100)
    fresh = weights(second, "discriminators")
    second.start_from(first.state_dict(), with_discriminators)
    assert torch.equal(weights(second), weights(first, "average"))
    expected = weights(first, "discriminators") if with_discriminators else fresh
    assert torch.equal(weights(second, "discriminators"), expected)
    # Its own learning rate, at the first of 100 steps.
    assert second.adam_d.param_groups[0]["lr"] == pytest.approx(3e-7)


def test_one_batch_is_learned_by_heart(rows):
    torch.manual_seed(0)
    segments = PairSegments(corpus_folder("train"), rows["train"], 9_600, seed=0)
    loaded = collate_keep_meta([segments[(1, index)] for index in range(4)])
    # Of masks for each bin: gains of bands cannot learn a batch by heart.
    masks = {"architecture": "spectral", "gate_pauses": False, "channels": 6, "hidden": 256}
    schedule = {"lr": 3e-3, "lr_schedule": "constant", "warmup_steps": 100}
    learner = small_learner(60, **masks, **schedule, **NO_BINS, lambda_spectral=1.0)
    batch = to_batch(settings(), loaded, "cpu")
    spectral = [learner.step([batch]).terms["spectral"] for _ in range(60)]
    assert spectral[-1] < 0.7 * spectral[0]
