"""The wide U-Net is causal and streams as the generators do."""

import torch

from lib.benchmarks.wide_unet import WideUNet


def test_hops_equal_the_whole_signal():
    torch.manual_seed(0)
    network = WideUNet().eval()
    inputs = torch.randn(1, 1, 4 * 480)
    with torch.no_grad():
        whole, _ = network(inputs)
        state, outputs = network.start(1), []
        for hop in inputs.split(480, dim=2):
            restored, state = network(hop, state)
            outputs.append(restored)
    torch.testing.assert_close(torch.cat(outputs, dim=2), whole, atol=1e-5, rtol=1e-4)


def test_it_is_wide():
    n_parameters = sum(weight.numel() for weight in WideUNet().parameters())
    assert 7_000_000 < n_parameters < 20_000_000
