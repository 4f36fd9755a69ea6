"""Causal layers: exactly as long as they should be, streaming, and deaf to the future."""

import pytest
import torch

from lib.models.causal import CausalConv1d, CausalConv2d, CausalTransposed1d, fold_weight_norm


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("stride", [1, 2, 3, 8])
@pytest.mark.parametrize("n_steps", [1, 2, 5])
@torch.no_grad()
def test_transposed_convolutions_are_exactly_as_long_and_stream(kernel_size, stride, n_steps):
    torch.manual_seed(0)
    layer, x = CausalTransposed1d(3, 4, kernel_size, stride), torch.randn(2, 3, n_steps)
    layer.bias.copy_(torch.randn(4))
    whole, _ = layer(x)
    assert whole.shape == (2, 4, n_steps * stride)
    plain = torch.nn.functional.conv_transpose1d(x, layer.conv.weight, layer.bias, stride)
    plain = plain[..., : n_steps * stride]
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


@pytest.mark.parametrize("frame_span", [1, 2, 4])
@torch.no_grad()
def test_convolutions_over_frames_stream_and_hear_no_future(frame_span):
    torch.manual_seed(0)
    layer, x = CausalConv2d(2, 3, frame_span, 5, stride=2), torch.randn(1, 2, 9, 20)
    whole, _ = layer(x)
    assert whole.shape == (1, 3, 9, 10)
    state, chunks = None, []
    for chunk in x.split([1, 6, 2], dim=2):
        y, state = layer(chunk, state)
        chunks.append(y)
    torch.testing.assert_close(torch.cat(chunks, dim=2), whole, atol=1e-6, rtol=1e-5)
    changed = x.clone()
    changed[:, :, 5:] = 9.0
    torch.testing.assert_close(layer(changed)[0][:, :, :5], whole[:, :, :5], rtol=0, atol=0)


def test_steps_that_a_stride_does_not_divide_are_refused():
    with pytest.raises(ValueError, match="7 steps, expected a multiple of the stride 2"):
        CausalConv1d(1, 1, 3, 2)(torch.zeros(1, 1, 7))


@torch.no_grad()
def test_a_folded_weight_is_the_direction_times_the_norm():
    layer = CausalConv1d(1, 1, 2)
    layer.conv.parametrizations.weight.original0.fill_(10.0)
    layer.conv.parametrizations.weight.original1.copy_(torch.tensor([[[3.0, 4.0]]]))
    assert fold_weight_norm(layer).conv.weight.flatten().tolist() == [6.0, 8.0]
