"""Causal layers with explicit state: whole signals, chunks and single steps are one function.

`y, state = layer(x, state)`; `state=None` is silence before the signal. No layer adds or loses a
step.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

State = list[Tensor]


class CausalConv2d(nn.Module):
    """Convolution over frequency and over this frame and the ones before.

    Frequency is padded; over time the state takes the place of padding.

    Args:
        c_in, c_out: channels.
        frame_span: frames that the kernel covers.
        bin_span: bins that it covers, an odd number.
        stride: over frequency.
        dilation: distance of two taps, in frames and in bins.

    Shape:
        - x: `[B, C_in, frames, F]`, state: `[B, C_in, (frame_span - 1) * dilation, F]`
        - y: `[B, C_out, frames, ceil(F / stride)]`, new state: as state

    >>> conv = CausalConv2d(2, 4, frame_span=3, bin_span=5, stride=4)
    >>> y, state = conv(torch.zeros(8, 2, 10, 480))
    >>> list(y.shape), list(state.shape)
    ([8, 4, 10, 120], [8, 2, 2, 480])
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        frame_span: int,
        bin_span: int,
        stride: int = 1,
        dilation: int = 1,
    ):
        super().__init__()
        self.context = (frame_span - 1) * dilation
        kernel, padding = (frame_span, bin_span), (0, bin_span // 2 * dilation)
        self.conv = nn.Conv2d(c_in, c_out, kernel, (1, stride), padding, dilation)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See the class."""
        if state is None:
            state = x.new_zeros(x.shape[0], x.shape[1], self.context, x.shape[3])
        x = torch.cat([state, x], dim=2)  # [B, C_in, context + frames, F]
        return self.conv(x), _last(x, self.context)


class CausalConv1d(nn.Module):
    """Convolution over this step and the ones before; one step out for `stride` steps in.

    Args:
        c_in, c_out: channels.
        kernel_size: taps of the kernel.
        stride: steps in for one step out.
        dilation: distance of two taps in steps.

    Shape:
        - x: `[B, C_in, T]`, `T` a multiple of `stride`
        - state: `[B, C_in, max(0, (kernel_size - 1) * dilation + 1 - stride)]`
        - y: `[B, C_out, T / stride]`, new state: as state

    >>> y, state = CausalConv1d(2, 4, kernel_size=7, stride=2)(torch.zeros(8, 2, 10))
    >>> list(y.shape), list(state.shape)
    ([8, 4, 5], [8, 2, 5])
    """

    def __init__(self, c_in: int, c_out: int, kernel_size: int, stride: int = 1, dilation: int = 1):
        super().__init__()
        self.stride = stride
        self.context = max(0, (kernel_size - 1) * dilation + 1 - stride)
        self.conv = weight_norm(nn.Conv1d(c_in, c_out, kernel_size, stride, dilation=dilation))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See the class.

        Raises:
            ValueError: `T` is no multiple of the stride.
        """
        if x.shape[2] % self.stride:
            raise ValueError(f"{x.shape[2]} steps, expected a multiple of the stride {self.stride}")
        if state is None:
            state = x.new_zeros(x.shape[0], x.shape[1], self.context)
        x = torch.cat([state, x], dim=2)  # [B, C_in, context + T]
        return self.conv(x), _last(x, self.context)


class CausalTransposed1d(nn.Module):
    """Transposed convolution of exactly `T * stride` steps, for any kernel and stride.

    The plain one makes `(T - 1) * stride + kernel_size` steps. The last `kernel_size - stride` of
    them belong to later steps: they are the state. If the kernel is shorter than the stride, the
    last steps are the bias alone.

    Args:
        c_in, c_out: channels.
        kernel_size: taps of the kernel.
        stride: steps out for one step in.

    Shape:
        - x: `[B, C_in, T]`, state: `[B, C_out, max(0, kernel_size - stride)]`
        - y: `[B, C_out, T * stride]`, new state: as state

    >>> y, state = CausalTransposed1d(2, 4, kernel_size=7, stride=3)(torch.zeros(8, 2, 10))
    >>> list(y.shape), list(state.shape)
    ([8, 4, 30], [8, 4, 4])
    """

    def __init__(self, c_in: int, c_out: int, kernel_size: int, stride: int):
        super().__init__()
        self.stride = stride
        self.trim = max(0, kernel_size - stride)
        self.missing = max(0, stride - kernel_size)
        conv = nn.ConvTranspose1d(c_in, c_out, kernel_size, stride, bias=False)
        # Output channels are the second axis of this weight: each gets its norm.
        self.conv = weight_norm(conv, dim=1)
        # The bias is added here, once: steps that overlap would get it twice.
        self.bias = nn.Parameter(torch.zeros(c_out))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See the class."""
        # What the steps before reach into this chunk is added to its first steps.
        y = F.pad(self.conv(x), (0, self.missing))  # [B, C_out, T * stride + trim]
        if state is None:
            state = y.new_zeros(y.shape[0], y.shape[1], self.trim)
        y = y + F.pad(state, (0, y.shape[2] - self.trim))
        n_steps = x.shape[2] * self.stride
        return y[:, :, :n_steps] + self.bias[:, None], y[:, :, n_steps:]


def _last(x: Tensor, n: int) -> Tensor:
    """The last `n` steps of `[B, C, steps, ...]`."""
    # A slice from -0 would keep everything. One from `x.shape[2] - n` would be a constant in an
    # exported model, whatever the number of steps.
    return x[:, :, -n:] if n else x[:, :, :0]


def check_hops(inputs: Tensor, n_inputs: int, hop_length: int) -> None:
    """Refuse inputs that are not `[B, n_inputs, T]` with `T` one or more whole hops.

    Raises:
        ValueError: they have another shape.

    >>> check_hops(torch.zeros(1, 2, 481), 2, 480)
    Traceback (most recent call last):
    ValueError: inputs (1, 2, 481), expected [B, 2, T] with T a multiple of 480 samples
    """
    shape = tuple(inputs.shape)
    if len(shape) != 3 or shape[1] != n_inputs or shape[2] % hop_length or not shape[2]:
        raise ValueError(
            f"inputs {shape}, expected [B, {n_inputs}, T] with T a multiple of {hop_length} samples"
        )


def fold_weight_norm(module: nn.Module) -> nn.Module:
    """Replace weight norms by the weights that they make, in place, for inference and export.

    The outputs stay the same.

    >>> conv = fold_weight_norm(CausalConv1d(1, 1, 3))
    >>> [name for name, _ in conv.named_parameters()]
    ['conv.bias', 'conv.weight']
    """
    for part in module.modules():
        # `leave_parametrized` stores the weight that the norm and the direction make.
        if parametrize.is_parametrized(part, "weight"):
            parametrize.remove_parametrizations(part, "weight", leave_parametrized=True)
    return module
