"""One function for training, whole files and streams: exact lengths, no future, no jump at the seams."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lib.benchmarks.wide_unet import WideUNet
from lib.models import spectral, waveform
from lib.models.causal import CausalConv1d, CausalTransposed1d
from lib.models.export import export_hop
from lib.models.generator import ARCHITECTURES, folded_copy, make_generator, restore_aligned


@pytest.fixture(
    scope="module",
    params=[(name, noisy) for name in ARCHITECTURES for noisy in (True, False)],
    ids=str,
)
def generator(request):
    return fresh(*request.param)


def fresh(architecture, condition_on_noisy, seed=0):
    torch.manual_seed(seed)
    return make_generator(architecture, 8, 32, condition_on_noisy)


def signals(generator, n_samples, batch=2, seed=0):
    return 0.1 * torch.randn(
        batch, generator.n_inputs, n_samples, generator=torch.Generator().manual_seed(seed)
    )


def wild(generator):
    """The same network with masks and a residual that do something: the law must hold for trained weights, too."""
    torch.manual_seed(1)
    other = type(generator)(*generator.arguments)
    with torch.no_grad():
        head = (
            other.head
            if hasattr(other.head, "bias")
            else other.head.conv.parametrizations.weight.original0
        )
        (head.weight if hasattr(head, "weight") else head).mul_(100)
    return other


@torch.no_grad()
def test_chunks_of_any_size_give_the_offline_result(generator):
    network = wild(generator)
    x = signals(network, 480 * 40)
    state, chunks = None, []
    for chunk in x.split([480, 480 * 7, 480, 480 * 30, 480], dim=2):
        y, state = network(chunk, state)
        assert y.shape == (2, 1, chunk.shape[2])
        chunks.append(y)
    torch.testing.assert_close(torch.cat(chunks, dim=2), network(x)[0], atol=1e-5, rtol=0)


def test_the_future_does_not_change_the_past(generator):
    network = wild(generator)
    x = signals(network, 480 * 20).requires_grad_()
    at = 480 * 10  # input sample `at` may be heard in outputs from at - 480 + delay = at on
    network(x)[0][..., at - 1].sum().backward()
    assert x.grad[..., :at].any() and not x.grad[..., at:].any()


@torch.no_grad()
def test_it_starts_as_the_enhanced_signal_exactly_delay_samples_late(generator):
    x = signals(generator, 480 * 50)
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
    x = signals(generator, n_samples)
    y = restore_aligned(generator, x)
    assert y.shape == (2, 1, n_samples)
    assert (y - x[:, :1]).abs().max() < 0.05 * x.abs().max()


def test_every_parameter_has_a_gradient_at_step_one(generator):
    network = type(generator)(*generator.arguments)
    x = signals(network, 4_800)
    (restore_aligned(network, x) - 0.5 * x[:, :1]).abs().mean().backward()
    silent = [
        name
        for name, weight in network.named_parameters()
        if weight.grad is None or not weight.grad.any()
    ]
    assert silent == []
    multiplied = [weight for name, weight in network.named_parameters() if "weight" in name]
    assert multiplied and all(weight.any() for weight in multiplied)


def test_silence_gives_silence_and_finite_gradients(generator):
    x = torch.zeros(1, generator.n_inputs, 4_800, requires_grad=True)
    y = restore_aligned(generator, x)
    y.square().sum().backward()
    assert y.abs().max() < 1e-3 and torch.isfinite(x.grad).all()
    assert all(
        torch.isfinite(weight.grad).all()
        for weight in generator.parameters()
        if weight.grad is not None
    )


def test_training_and_evaluation_mode_are_the_same_network(generator):
    x = signals(generator, 4_800)
    torch.testing.assert_close(generator.train()(x)[0], generator.eval()(x)[0], rtol=0, atol=0)


SIZES = [("spectral", *size) for size in spectral.SIZES.values()] + [
    ("waveform", *size) for size in waveform.SIZES.values()
]


@pytest.mark.parametrize("architecture, channels, hidden", SIZES)
@pytest.mark.parametrize("condition_on_noisy", [True, False])
def test_every_size_is_inside_the_budget(architecture, channels, hidden, condition_on_noisy):
    network = make_generator(architecture, channels, hidden, condition_on_noisy)
    assert (
        sum(weight.numel() for weight in network.parameters()) <= 3_600_000 and network.delay <= 480
    )
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, network.n_inputs, 48_000))
    assert 0.1e9 < counter.get_total_flops() / 2 <= 3e9


def test_the_counter_counts_a_gru_and_convolutions_as_by_hand():
    gru, conv = torch.nn.GRU(20, 30, batch_first=True), torch.nn.Conv1d(3, 5, 7)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        gru(torch.zeros(1, 11, 20))
        conv(torch.zeros(1, 3, 17))
    assert counter.get_total_flops() / 2 == 11 * 3 * 30 * (20 + 30) + 11 * 3 * 5 * 7


@pytest.mark.parametrize("dtype", [torch.bfloat16])
def test_it_trains_under_autocast(generator, dtype):
    network = wild(generator)
    x = signals(network, 9_600)
    with torch.autocast("cpu", dtype):
        out = restore_aligned(network, x)
        loss = (out - 0.5 * x[:, :1]).float().abs().mean()
    loss.backward()
    assert all(
        torch.isfinite(weight.grad).all() and weight.grad.any() for weight in network.parameters()
    )
    exact = restore_aligned(network, x).detach()
    assert ((out.float() - exact).square().mean() / exact.square().mean()).sqrt() < 0.05


def test_accumulated_gradients_are_those_of_the_big_batch(generator):
    network, x = wild(generator), signals(generator, 4_800, batch=4)

    def gradients(parts):
        network.zero_grad()
        for part in parts:
            ((restore_aligned(network, part) - part[:, :1]).abs().mean() / len(parts)).backward()
        return [weight.grad.clone() for weight in network.parameters()]

    for whole, summed in zip(gradients([x]), gradients(x.split(1)), strict=True):
        assert (whole - summed).abs().max() < 1e-4 * whole.abs().max()


@torch.no_grad()
def test_folding_weight_norms_changes_nothing(generator):
    network, x = wild(generator), signals(generator, 4_800)
    single = folded_copy(network)
    assert not any("parametrizations" in name for name in single.state_dict())
    torch.testing.assert_close(single(x)[0], network(x)[0], atol=1e-6, rtol=0)
    assert list(network.state_dict()) == list(
        wild(generator).state_dict()
    )  # the original is left as it was


@torch.no_grad()
def test_the_export_with_explicit_states_is_the_same_network(generator):
    network, x = wild(generator), signals(generator, 480 * 12, batch=1)
    session = onnxruntime.InferenceSession(export_hop(network), providers=["CPUExecutionProvider"])
    state, hops = [part.numpy() for part in network.start(1)], []
    for hop in x.split(480, dim=2):
        inputs = {"inputs": hop.numpy()} | {f"state_{i}": part for i, part in enumerate(state)}
        restored, *state = session.run(None, inputs)
        hops.append(restored)
    np.testing.assert_allclose(np.concatenate(hops, axis=2), network(x)[0].numpy(), atol=1e-4)


@torch.no_grad()
def test_the_start_is_silence_before_the_signal(generator):
    network, x = wild(generator), signals(generator, 4_800)
    silent = torch.zeros(2, network.n_inputs, 480)
    torch.testing.assert_close(network(x, network.start(2))[0], network(x)[0], rtol=0, atol=0)
    assert [tuple(a.shape) for a in network.start(2)] == [
        tuple(a.shape) for a in network(silent)[1]
    ]


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("stride", [1, 2, 3, 8])
@pytest.mark.parametrize("n", [1, 2, 5])
@torch.no_grad()
def test_transposed_convolutions_are_exactly_as_long_and_stream(kernel_size, stride, n):
    torch.manual_seed(0)
    layer, x = CausalTransposed1d(3, 4, kernel_size, stride), torch.randn(2, 3, n)
    layer.bias.copy_(torch.randn(4))
    whole, _ = layer(x)
    assert whole.shape == (2, 4, n * stride)
    plain = torch.nn.functional.conv_transpose1d(x, layer.conv.weight, layer.bias, stride)[
        ..., : n * stride
    ]
    torch.testing.assert_close(whole[..., : plain.shape[2]], plain, atol=1e-6, rtol=1e-5)
    state, steps = None, []
    for step in x.split(1, dim=2):
        y, state = layer(step, state)
        steps.append(y)
    torch.testing.assert_close(torch.cat(steps, dim=2), whole, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    "kernel_size, stride, dilation", [(1, 1, 1), (7, 1, 3), (8, 4, 1), (3, 5, 1), (12, 6, 1)]
)
@torch.no_grad()
def test_strided_convolutions_stream_and_hear_no_future(kernel_size, stride, dilation):
    torch.manual_seed(0)
    layer, x = CausalConv1d(2, 3, kernel_size, stride, dilation), torch.randn(1, 2, 12 * stride)
    whole, _ = layer(x)
    state, steps = None, []
    for chunk in x.split([stride, 7 * stride, 4 * stride], dim=2):
        y, state = layer(chunk, state)
        steps.append(y)
    torch.testing.assert_close(torch.cat(steps, dim=2), whole, atol=1e-6, rtol=1e-5)
    changed = x.clone()
    changed[..., 5 * stride :] = 9.0
    torch.testing.assert_close(layer(changed)[0][..., :5], whole[..., :5], rtol=0, atol=0)


def test_steps_that_a_stride_does_not_divide_are_refused():
    with pytest.raises(ValueError, match="7 steps, expected a multiple of the stride 2"):
        CausalConv1d(1, 1, 3, 2)(torch.zeros(1, 1, 7))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_it_trains_under_autocast_on_cuda(generator, dtype):
    network = wild(generator).cuda()
    x = signals(network, 9_600).cuda()
    with torch.autocast("cuda", dtype):
        loss = (restore_aligned(network, x) - 0.5 * x[:, :1]).float().abs().mean()
    loss.backward()
    assert all(torch.isfinite(weight.grad).all() for weight in network.parameters())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("shape", [(1, 2, 481), (1, 3, 480), (2, 480), (1, 2, 0)])
def test_wrong_shapes_are_refused_with_both_shapes(architecture, shape):
    with pytest.raises(ValueError, match="expected"):
        fresh(architecture, True)(torch.zeros(shape))


def test_numbers_are_double_checked_by_an_independent_overlap_add():
    """The analysis and synthesis of a network that does nothing is the identity, by numpy alone."""
    window = fresh("spectral", True).window.double().numpy()
    x = np.random.default_rng(0).standard_normal(4_800)
    padded = np.concatenate([np.zeros(480), x, np.zeros(480)])
    out = np.zeros_like(padded)
    for start in range(0, len(padded) - 959, 480):
        out[start : start + 960] += (
            np.fft.irfft(np.fft.rfft(padded[start : start + 960] * window)) * window
        )
    np.testing.assert_allclose(out[480:-480], x, atol=1e-6)


@torch.no_grad()
def test_the_network_to_compare_with_is_as_large_as_described_and_streams():
    torch.manual_seed(0)
    network = WideUNet()
    assert 8.5e6 < sum(weight.numel() for weight in network.parameters()) < 9.0e6
    x, state, hops = torch.randn(1, 1, 480 * 4), None, []
    for hop in x.split(480, dim=2):
        y, state = network(hop, state)
        hops.append(y)
    torch.testing.assert_close(torch.cat(hops, dim=2), network(x)[0], atol=1e-4, rtol=0)
