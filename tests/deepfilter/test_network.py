"""The network loads by name, draws no random numbers, and its state is all that it remembers."""

import torch
import torch.nn.functional as F

from lib.deepfilter.network import GroupedLinear, make_network
from lib.deepfilter.weights import fold_convolution_pairs, read_weights


def features(n_frames, seed=0):
    generator = torch.Generator().manual_seed(seed)
    erb = torch.randn(2, n_frames, 32, generator=generator)
    return erb, torch.randn(2, 2, n_frames, 96, generator=generator)


def test_every_parameter_is_the_official_weight_of_its_name():
    official = fold_convolution_pairs(read_weights())
    parameters = make_network().state_dict()
    assert parameters.keys() == official.keys()
    for name, value in parameters.items():
        assert torch.equal(value, official[name]), name


def test_making_a_network_leaves_the_random_numbers_alone():
    torch.manual_seed(0)
    make_network()
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(after, torch.rand(1))


@torch.no_grad()
def test_two_calls_with_the_state_between_are_one_call():
    network, (erb, low) = make_network(), features(12)
    gains, taps, lsnr_db, *states = network(erb, low, *network.start(2))
    first = network(erb[:, :5], low[:, :, :5], *network.start(2))
    second = network(erb[:, 5:], low[:, :, 5:], *first[3:])
    for whole, parts in zip((gains, taps, lsnr_db), zip(first, second, strict=True), strict=False):
        torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=1e-5)
    for whole, part in zip(states, second[3:], strict=True):
        torch.testing.assert_close(part, whole, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_pathway_is_a_convolution_over_five_frames():
    pathway = make_network().df_dec.df_convp
    c0 = torch.randn(1, 64, 9, 96, generator=torch.Generator().manual_seed(0))
    # [50, 64, 1, 1] -> [10, 64, 5, 1]
    kernel = pathway.conv.weight.unflatten(0, (5, 10)).permute(1, 2, 0, 3, 4)[..., 0]
    padded = F.pad(c0, (0, 0, 4, 0))
    expected = F.relu(F.conv2d(padded, kernel, pathway.bias.flatten()))
    result, _ = pathway(c0, torch.zeros(1, 50, 4, 96))
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-5)


def test_groups_of_a_linear_layer_do_not_hear_each_other():
    layer = GroupedLinear(2, 3, 4)
    torch.nn.init.ones_(layer.weight)
    x = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])[None, None]
    assert layer(x)[0, 0].tolist() == [3.0] * 4 + [0.0] * 4
