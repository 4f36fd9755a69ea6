"""One function for training, whole files and streams: exact lengths, no future, no jump at the seams."""

import numpy as np
import pytest
import torch

from lib.generator import Spectral, restore


@pytest.fixture(scope="module", params=[True, False], ids=["noisy", "enhanced_only"])
def generator(request):
    torch.manual_seed(0)
    return Spectral(8, condition_on_noisy=request.param, hidden=32)


def signals(generator, n_samples, batch=2, seed=0):
    return 0.1 * torch.randn(batch, generator.n_inputs, n_samples, generator=torch.Generator().manual_seed(seed))


def wild(generator):
    """The same network with masks and a residual that do something: the law must hold for trained weights, too."""
    torch.manual_seed(1)
    other = Spectral(8, generator.n_inputs == 2, hidden=32)
    with torch.no_grad():
        other.head.weight.mul_(100)
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
    y = restore(generator, x)
    assert y.shape == (2, 1, n_samples)
    assert (y - x[:, :1]).abs().max() < 0.05 * x.abs().max()


def test_every_parameter_has_a_gradient_at_step_one(generator):
    network = Spectral(8, generator.n_inputs == 2, hidden=32)
    x = signals(network, 4_800)
    (restore(network, x) - 0.5 * x[:, :1]).abs().mean().backward()
    silent = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert silent == []
    multiplied = {name: weight for name, weight in network.named_parameters() if "weight" in name}
    assert all(weight.any() for weight in multiplied.values())


def test_silence_gives_silence_and_finite_gradients(generator):
    x = torch.zeros(1, generator.n_inputs, 4_800, requires_grad=True)
    y = restore(generator, x)
    y.square().sum().backward()
    assert y.abs().max() < 1e-3 and torch.isfinite(x.grad).all()
    assert all(torch.isfinite(weight.grad).all() for weight in generator.parameters() if weight.grad is not None)


def test_training_and_evaluation_mode_are_the_same_network(generator):
    x = signals(generator, 4_800)
    torch.testing.assert_close(generator.train()(x)[0], generator.eval()(x)[0], rtol=0, atol=0)


def test_the_default_is_inside_the_budget():
    network = Spectral()
    assert sum(weight.numel() for weight in network.parameters()) <= 3_600_000
    assert network.delay <= 480


@pytest.mark.parametrize("shape", [(1, 2, 481), (1, 3, 480), (2, 480), (1, 2, 0)])
def test_wrong_shapes_are_refused_with_both_shapes(shape):
    with pytest.raises(ValueError, match="expected"):
        Spectral(8)(torch.zeros(shape))


def test_numbers_are_double_checked_by_an_independent_overlap_add(generator):
    """The analysis and synthesis of a network that does nothing is the identity, by numpy alone."""
    window = generator.window.double().numpy()
    x = np.random.default_rng(0).standard_normal(4_800)
    padded = np.concatenate([np.zeros(480), x, np.zeros(480)])
    out = np.zeros_like(padded)
    for start in range(0, len(padded) - 959, 480):
        out[start : start + 960] += np.fft.irfft(np.fft.rfft(padded[start : start + 960] * window)) * window
    np.testing.assert_allclose(out[480:-480], x, atol=1e-6)
