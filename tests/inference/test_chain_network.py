"""The network in few operations: as `lib.deepfilter.network`, for one frame and for several."""

import pytest
import torch

from lib.deepfilter.network import make_network
from lib.inference.chain_network import NETWORK_STATES, FrameNetwork, joined, pathway_frames


@pytest.mark.parametrize("n_frames", [1, 3])
@torch.no_grad()
def test_frames_are_those_of_the_network(n_frames):
    torch.manual_seed(0)
    erb, low = torch.randn(12, 32), torch.randn(12, 2, 96)
    network = make_network()
    expected = network(erb[None], low.transpose(0, 1)[None], *network.start(1))
    states, parts = [torch.zeros(shape) for shape in NETWORK_STATES.values()], []
    frames = FrameNetwork(make_network())
    for inputs in zip(erb.split(n_frames), low.split(n_frames), strict=True):
        gains, taps, *states = frames(*inputs, *states)
        parts.append((gains, taps))
    gains, taps = (torch.cat(part) for part in zip(*parts, strict=True))
    torch.testing.assert_close(gains, expected[0][0], atol=1e-5, rtol=0)
    # Bins are last here: [12, 96, 5, 2] there.
    torch.testing.assert_close(taps.permute(0, 3, 1, 2), expected[1][0], atol=1e-5, rtol=0)


@torch.no_grad()
def test_sums_of_the_pathway_are_its_products_added_beforehand():
    torch.manual_seed(0)
    pathway, c0 = make_network().df_dec.df_convp, torch.randn(1, 64, 9, 96)
    expected, _ = pathway(c0, torch.zeros(1, 50, 4, 96))
    first, sums = pathway_frames(pathway, c0[:, :, :4], torch.zeros(NETWORK_STATES["pathway_sums"]))
    rest, _ = pathway_frames(pathway, c0[:, :, 4:], sums)
    both = torch.cat([first, rest]).transpose(0, 1)[None]
    torch.testing.assert_close(both, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name, n_bands", [("erb_conv1", 32), ("df_conv1", 96), ("convt1", 16)])
@torch.no_grad()
def test_a_pair_of_convolutions_is_one(name, n_bands):
    torch.manual_seed(0)
    network, x = make_network(), torch.randn(1, 64, 2, n_bands)
    pair = getattr(network.enc, name, None) or getattr(network.erb_dec, name)
    torch.testing.assert_close(joined(pair)(x).relu(), pair(x), atol=1e-5, rtol=1e-5)
