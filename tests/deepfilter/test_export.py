"""The exported network is the network."""

import onnx
import torch

from lib.deepfilter.export import export_network, onnx_network
from lib.deepfilter.model import load


def test_onnx_runtime_and_torch_agree():
    network, generator = load().network, torch.Generator().manual_seed(0)
    erb = torch.randn(3, 20, 32, generator=generator)
    low = torch.randn(3, 2, 20, 96, generator=generator)
    states = [torch.randn(part.shape, generator=generator) for part in network.start(3)]
    with torch.no_grad():
        by_torch = network(erb, low, *states)
    by_onnx = onnx_network()(erb, low, *states)
    for expected, result in zip(by_torch, by_onnx, strict=True):
        torch.testing.assert_close(result, expected, atol=1e-4, rtol=1e-4)


def test_batch_size_and_number_of_frames_are_free():
    graph = onnx.load_from_string(export_network()).graph
    sizes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in graph.input
    }
    assert sizes["erb"] == ["batch", "frames", 32]
    assert sizes["low"] == ["batch", 2, "frames", 96]
    assert sizes["encoder_gru"] == ["batch", 1, 256]
    assert sizes["pathway_past"] == ["batch", 50, 4, 96]
