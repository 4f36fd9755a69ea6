"""A wide waveform U-Net, with which the cost of the generators is compared."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.grid import HOP_LENGTH
from lib.models.causal import CausalConv1d, CausalTransposed1d, State

WIDTHS = (64, 128, 256, 512)  # channels at 48, 24, 12 and 6 kHz
KERNEL_SIZE = 7
STRIDE = 2
N_GRU_LAYERS = 2


class WideUNet(nn.Module):
    """The U-Net of the audited training scheme, written from its description with causal layers.

    Three strided convolutions, each with a residual block, a GRU of two layers at 6 kHz, and
    transposed convolutions with skips.

    Shape:
        - inputs: `[B, 1, T]`, `T` a multiple of 480, and restored alike
        - state: a list of tensors, from `start`

    >>> import torch
    >>> restored, state = WideUNet()(torch.zeros(1, 1, 480))
    >>> list(restored.shape)
    [1, 1, 480]
    """

    hop_length, delay, n_inputs, arguments = HOP_LENGTH, 0, 1, ()  # as the generators have them

    def __init__(self) -> None:
        super().__init__()
        widths, steps = WIDTHS, list(pairwise(WIDTHS))
        self.first = CausalConv1d(1, widths[0], KERNEL_SIZE)
        self.last = CausalConv1d(widths[0], 1, KERNEL_SIZE)
        self.down = nn.ModuleList([CausalConv1d(i, o, KERNEL_SIZE, STRIDE) for i, o in steps])
        self.up = nn.ModuleList(
            [CausalTransposed1d(o, i, KERNEL_SIZE, STRIDE) for i, o in reversed(steps)]
        )
        block_widths = [*widths[1:], *widths[-2::-1]]
        self.blocks = nn.ModuleList(
            [CausalConv1d(width, width, KERNEL_SIZE) for width in block_widths]
        )
        # Over time at the lowest rate, where a step is 8 samples.
        self.gru = nn.GRU(widths[-1], widths[-1], N_GRU_LAYERS, batch_first=True)

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """See the class; `state=None` is silence before the signal."""
        old_states, new_states = iter(state or self.start(len(inputs))), []

        # Layers take their states in the order of their use, as `start` makes them.
        def step(layer: nn.Module, x: Tensor) -> Tensor:
            y, new_state = layer(x, next(old_states))
            new_states.append(new_state)
            return y

        blocks, x, skips = iter(self.blocks), F.silu(step(self.first, inputs)), []
        for layer in self.down:
            skips.append(x)
            x = F.silu(step(layer, x))
            x = x + F.silu(step(next(blocks), x))
        hidden = next(old_states).transpose(0, 1).contiguous()  # the batch is the GRU's 2nd axis
        # [B, C, steps] -> [B, steps, C], as the GRU takes it
        y, hidden = self.gru(x.transpose(1, 2), hidden)
        new_states.append(hidden.transpose(0, 1))
        x = x + y.transpose(1, 2)
        for layer in self.up:
            x = F.silu(step(layer, x)) + skips.pop()
            x = x + F.silu(step(next(blocks), x))
        return inputs + step(self.last, x), new_states

    def start(self, batch_size: int) -> State:
        """Zeros for every layer, in the order of their use."""
        blocks, shapes = iter(self.blocks), [(1, self.first.context)]
        for layer in self.down:
            block = next(blocks)
            shapes.append((layer.conv.in_channels, layer.context))
            shapes.append((block.conv.in_channels, block.context))
        shapes.append((N_GRU_LAYERS, self.gru.hidden_size))
        for layer in self.up:
            block = next(blocks)
            shapes.append((layer.conv.out_channels, layer.trim))
            shapes.append((block.conv.in_channels, block.context))
        shapes.append((self.last.conv.in_channels, self.last.context))
        zeros = self.gru.bias_hh_l0.new_zeros
        return [zeros(batch_size, *shape) for shape in shapes]
