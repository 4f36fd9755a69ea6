"""The wide U-Net of the audit, to compare a generator's cost with."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.grid import HOP_LENGTH
from lib.models.causal import CausalConv1d, CausalTransposed1d, State


class WideUNet(nn.Module):
    """The network that the audit found: 64-128-256-512 channels, kernels of 7, three strides of 2, residual blocks, a GRU of two
    layers of 512 at 6 kHz. Written from that description with causal layers, to have something to compare with."""

    hop_length, delay, n_inputs, arguments = HOP_LENGTH, 0, 1, ()

    def __init__(self):
        super().__init__()
        widths = [64, 128, 256, 512]
        steps = list(pairwise(widths))
        self.first, self.last = CausalConv1d(1, 64, 7), CausalConv1d(64, 1, 7)
        self.down = nn.ModuleList([CausalConv1d(i, o, 7, 2) for i, o in steps])
        self.up = nn.ModuleList([CausalTransposed1d(o, i, 7, 2) for i, o in reversed(steps)])
        self.blocks = nn.ModuleList(
            [CausalConv1d(width, width, 7) for width in [*widths[1:], *widths[-2::-1]]]
        )
        self.gru = nn.GRU(512, 512, 2, batch_first=True)

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """As the generators: `[B, 1, T]` -> `[B, 1, T]`, state."""
        old, new = iter(state or self.start(len(inputs))), []

        def step(layer: nn.Module, x: Tensor) -> Tensor:
            y, after = layer(x, next(old))
            new.append(after)
            return y

        blocks, x, skips = iter(self.blocks), F.silu(step(self.first, inputs)), []
        for layer in self.down:
            skips.append(x)
            x = F.silu(step(layer, x))
            x = x + F.silu(step(next(blocks), x))
        deep, hidden = self.gru(x.transpose(1, 2), next(old).transpose(0, 1).contiguous())
        new.append(hidden.transpose(0, 1))
        x = x + deep.transpose(1, 2)
        for layer in self.up:
            x = F.silu(step(layer, x)) + skips.pop()
            x = x + F.silu(step(next(blocks), x))
        return inputs + step(self.last, x), new

    def start(self, batch_size: int) -> State:
        """Zeros for every layer, in the order of their use."""
        zeros, blocks, state = (
            self.gru.bias_hh_l0.new_zeros,
            iter(self.blocks),
            [(1, self.first.context)],
        )
        for layer in self.down:
            block = next(blocks)
            state += [
                (layer.conv.in_channels, layer.context),
                (block.conv.in_channels, block.context),
            ]
        state.append((2, 512))
        for layer in self.up:
            block = next(blocks)
            state += [
                (layer.conv.out_channels, layer.trim),
                (block.conv.in_channels, block.context),
            ]
        return [zeros(batch_size, *shape) for shape in [*state, (64, self.last.context)]]
