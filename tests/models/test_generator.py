"""One function for training, whole files and streams: exact lengths, no future, no seams."""

from types import SimpleNamespace

import pytest
import torch
from models.networks import random_inputs, small_generator, with_strong_output
from torch.utils.flop_counter import FlopCounterMode

from lib.models import bands, bins, dual_path, spectral, waveform
from lib.models.generator import (
    ARCHITECTURES,
    build_generator,
    folded_copy,
    make_generator,
    restore_aligned,
)

MODULES = {
    "dual_path": dual_path,
    "bins": bins,
    "bands": bands,
    "spectral": spectral,
    "waveform": waveform,
}
SIZES = [(name, *size) for name, module in MODULES.items() for size in module.SIZES.values()]


@pytest.fixture(
    scope="module",
    params=[(name, noisy) for name in ARCHITECTURES for noisy in (True, False)],
    ids=str,
)
def generator(request):
    return small_generator(*request.param)


@torch.no_grad()
def test_chunks_of_any_size_give_the_offline_result(generator):
    network = with_strong_output(generator)
    x = random_inputs(network, 480 * 40)
    state, chunks = None, []
    for chunk in x.split([480, 480 * 7, 480, 480 * 30, 480], dim=2):
        y, state = network(chunk, state)
        assert y.shape == (2, 1, chunk.shape[2])
        chunks.append(y)
    torch.testing.assert_close(torch.cat(chunks, dim=2), network(x)[0], atol=1e-5, rtol=0)


def test_the_future_does_not_change_the_past(generator):
    network = with_strong_output(generator)
    x = random_inputs(network, 480 * 20).requires_grad_()
    # The first output that may hear input sample `at` is at - 480 + delay = at.
    at = 480 * 10
    network(x)[0][..., at - 1].sum().backward()
    assert x.grad[..., :at].any()
    assert not x.grad[..., at:].any()


@torch.no_grad()
def test_it_starts_as_the_enhanced_signal_exactly_delay_samples_late(generator):
    x = random_inputs(generator, 480 * 50)
    late = generator(x)[0][:, :, generator.delay :]
    error = late - x[:, :1, : -generator.delay]
    assert 10 * torch.log10(error.square().mean() / x[:, :1].square().mean()) < -40


@torch.no_grad()
def test_an_impulse_comes_out_delay_samples_late(generator):
    x = torch.zeros(1, generator.n_inputs, 4_800)
    x[:, 0, 1_000] = 1.0
    assert generator(x)[0][0, 0].abs().argmax() == 1_000 + generator.delay


@pytest.mark.parametrize("n_samples", [1, 479, 480, 481, 12_345])
@torch.no_grad()
def test_whole_signals_of_any_length_come_back_aligned(generator, n_samples):
    x = random_inputs(generator, n_samples)
    y = restore_aligned(generator, x)
    assert y.shape == (2, 1, n_samples)
    assert (y - x[:, :1]).abs().max() < 0.05 * x.abs().max()


def test_every_parameter_has_a_gradient_at_step_one(generator):
    network = type(generator)(*generator.arguments)
    x = random_inputs(network, 4_800)
    (restore_aligned(network, x) - 0.5 * x[:, :1]).abs().mean().backward()
    without = [
        name
        for name, weight in network.named_parameters()
        if weight.grad is None or not weight.grad.any()
    ]
    assert without == []
    multiplied = [weight for name, weight in network.named_parameters() if "weight" in name]
    assert multiplied
    assert all(weight.any() for weight in multiplied)


def test_silence_gives_silence_and_finite_gradients(generator):
    x = torch.zeros(1, generator.n_inputs, 4_800, requires_grad=True)
    y = restore_aligned(generator, x)
    y.square().sum().backward()
    assert y.abs().max() < 1e-3
    assert torch.isfinite(x.grad).all()
    gradients = [weight.grad for weight in generator.parameters() if weight.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_training_and_evaluation_mode_are_the_same_network(generator):
    x = random_inputs(generator, 4_800)
    torch.testing.assert_close(generator.train()(x)[0], generator.eval()(x)[0], rtol=0, atol=0)


@pytest.mark.parametrize("architecture, channels, hidden", SIZES)
@pytest.mark.parametrize("condition_on_noisy", [True, False])
def test_every_size_is_inside_the_budget(architecture, channels, hidden, condition_on_noisy):
    network = make_generator(architecture, channels, hidden, condition_on_noisy)
    assert sum(weight.numel() for weight in network.parameters()) <= 3_600_000
    assert network.delay <= 480
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, network.n_inputs, 48_000))
    assert 0.02e9 < counter.get_total_flops() / 2 <= 3e9


def test_the_counter_counts_a_gru_and_convolutions_as_by_hand():
    gru, conv = torch.nn.GRU(20, 30, batch_first=True), torch.nn.Conv1d(3, 5, 7)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        gru(torch.zeros(1, 11, 20))
        conv(torch.zeros(1, 3, 17))
    assert counter.get_total_flops() / 2 == 11 * 3 * 30 * (20 + 30) + 11 * 3 * 5 * 7


def test_it_trains_under_autocast(generator):
    network = with_strong_output(generator)
    x = random_inputs(network, 9_600)
    with torch.autocast("cpu", torch.bfloat16):
        out = restore_aligned(network, x)
        loss = (out - 0.5 * x[:, :1]).float().abs().mean()
    loss.backward()
    for weight in network.parameters():
        assert torch.isfinite(weight.grad).all()
        assert weight.grad.any()
    exact = restore_aligned(network, x).detach()
    assert ((out.float() - exact).square().mean() / exact.square().mean()).sqrt() < 0.05


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_it_trains_under_autocast_on_cuda(generator, dtype):
    network = with_strong_output(generator).cuda()
    x = random_inputs(network, 9_600).cuda()
    with torch.autocast("cuda", dtype):
        loss = (restore_aligned(network, x) - 0.5 * x[:, :1]).float().abs().mean()
    loss.backward()
    assert all(torch.isfinite(weight.grad).all() for weight in network.parameters())


def test_accumulated_gradients_are_those_of_the_big_batch(generator):
    network = with_strong_output(generator)
    x = random_inputs(network, 4_800, batch_size=4)

    def gradients(parts):
        network.zero_grad()
        for part in parts:
            ((restore_aligned(network, part) - part[:, :1]).abs().mean() / len(parts)).backward()
        return [weight.grad.clone() for weight in network.parameters()]

    for whole, summed in zip(gradients([x]), gradients(x.split(1)), strict=True):
        assert (whole - summed).abs().max() < 1e-4 * whole.abs().max()


@torch.no_grad()
def test_folding_weight_norms_changes_nothing(generator):
    network = with_strong_output(generator)
    x = random_inputs(network, 4_800)
    copy = folded_copy(network)
    assert not any("parametrizations" in name for name in copy.state_dict())
    torch.testing.assert_close(copy(x)[0], network(x)[0], atol=1e-6, rtol=0)
    torch.testing.assert_close(folded_copy(copy)(x)[0], copy(x)[0], atol=0, rtol=0)
    # The original is left as it was.
    assert list(network.state_dict()) == list(with_strong_output(generator).state_dict())


@torch.no_grad()
def test_the_start_is_silence_before_the_signal(generator):
    network = with_strong_output(generator)
    x = random_inputs(network, 4_800)
    torch.testing.assert_close(network(x, network.start(2))[0], network(x)[0], rtol=0, atol=0)
    _, state = network(torch.zeros(2, network.n_inputs, 480))
    shapes = [tuple(part.shape) for part in network.start(2)]
    assert shapes == [tuple(part.shape) for part in state]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("shape", [(1, 2, 481), (1, 3, 480), (2, 480), (1, 2, 0)])
def test_wrong_shapes_are_refused_with_both_shapes(architecture, shape):
    with pytest.raises(ValueError, match="expected"):
        small_generator(architecture)(torch.zeros(shape))


def test_a_generator_is_built_from_the_parameters_of_a_training():
    given = {"architecture": "waveform", "channels": 4, "hidden": 16, "condition_on_noisy": False}
    params = SimpleNamespace(**given, mask_noisy=False, gate_pauses=True, epochs=3)
    network = build_generator(params)
    assert isinstance(network, waveform.Waveform)
    assert network.arguments == (4, False, 16)
    assert network.n_inputs == 1


def test_a_generator_that_several_processes_train_is_unwrapped():
    network = small_generator()
    wrapped = torch.nn.Sequential()
    wrapped.module, wrapped.forward = network, network.forward
    x = random_inputs(network, 1_000)
    assert torch.equal(restore_aligned(wrapped, x), restore_aligned(network, x))
