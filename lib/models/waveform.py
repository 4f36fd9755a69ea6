"""The baseline generator on the waveform: strided causal convolutions, a GRU, and back up."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.grid import HOP_LENGTH
from lib.models.causal import CausalConv1d, CausalTransposed1d, State, check_hops

# Measured sizes: channels of the first layer, units of the GRU.
SIZES = {"small": (16, 160), "base": (28, 256)}
STRIDES = (4, 4, 5, 6)  # 48 kHz -> 12 kHz -> 3 kHz -> 600 Hz -> 100 Hz
KERNEL_SIZE = 7  # of the residual blocks and of the last layer


class Residual(nn.Module):
    """`x` plus a causal convolution and one over channels: `[B, C, T]` -> `[B, C, T]`."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = CausalConv1d(channels, channels, KERNEL_SIZE)
        self.second = CausalConv1d(channels, channels, 1)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See the class."""
        y, state = self.first(x, state)
        y, _ = self.second(F.silu(y))
        return x + y, state


class Waveform(nn.Module):
    """`enhanced` plus a correction, from a U-Net over the waveform with a GRU at its lowest rate.

    There one step hears a whole hop, so the output waits for the hop's end: it is one hop late.

    Args:
        channels: width of the first layer, doubled with each stride.
        condition_on_noisy: hear the noisy recording beside DeepFilterNet3's output.
        hidden: units of the GRU.

    Shape:
        - inputs: `[B, 2, T]` (enhanced, noisy), or `[B, 1, T]` without conditioning; `T` a multiple
          of 480
        - restored: `[B, 1, T]`, `delay` = 480 samples late
    """

    hop_length = HOP_LENGTH
    delay = HOP_LENGTH

    def __init__(self, channels: int = 28, condition_on_noisy: bool = True, hidden: int = 256):
        super().__init__()
        self.arguments = (channels, condition_on_noisy, hidden)
        self.n_inputs = 2 if condition_on_noisy else 1
        widths = [channels * 2**k for k in range(len(STRIDES))]
        sizes = list(zip([self.n_inputs, *widths[:-1]], widths, STRIDES, strict=True))
        self.encoder = nn.ModuleList(
            [CausalConv1d(c_in, c_out, 2 * stride, stride) for c_in, c_out, stride in sizes]
        )
        # Residual blocks stand at the three upper rates, on the way down and on the way up.
        self.before = nn.ModuleList([Residual(width) for width in widths[:-1]])
        self.gru = nn.GRU(widths[-1], hidden, batch_first=True)
        self.deep = nn.Linear(hidden, widths[-1])
        # The decoder mirrors the encoder; its last layer is as wide as the first one.
        mirrored = [
            (c_out, c_in if k else channels, stride)
            for k, (c_in, c_out, stride) in enumerate(sizes)
        ][::-1]
        self.decoder = nn.ModuleList(
            [
                CausalTransposed1d(c_in, c_out, 2 * stride, stride)
                for c_in, c_out, stride in mirrored
            ]
        )
        self.after = nn.ModuleList([Residual(c_out) for _, c_out, _ in mirrored[:-1]])
        self.head = CausalConv1d(channels, 1, KERNEL_SIZE)
        # Start as DeepFilterNet3's output. The size of a weight is its norm's, `original0`.
        with torch.no_grad():
            self.head.conv.parametrizations.weight.original0.mul_(1e-3)
            self.head.conv.bias.zero_()

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """See the class.

        Raises:
            ValueError: `inputs` have another shape.
        """
        check_hops(inputs, self.n_inputs, HOP_LENGTH)
        old_states = iter(state or self.start(len(inputs)))
        new_states = []

        def step(layer: nn.Module, x: Tensor) -> Tensor:
            y, new_state = layer(x, next(old_states).to(x.dtype))
            new_states.append(new_state)
            return y

        x, skips = inputs, []  # [B, C, T]
        # The encoder's last layer has no block: `zip` ends before it.
        for conv, block in zip(self.encoder, self.before, strict=False):
            x = step(block, F.silu(step(conv, x)))
            skips.append(x)
        x = F.silu(step(self.encoder[-1], x))  # [B, C_deep, T / 480]

        with torch.autocast(inputs.device.type, enabled=False):
            hidden = next(old_states).transpose(0, 1).contiguous()
            deep, hidden = self.gru(x.transpose(1, 2).float(), hidden)
        new_states.append(hidden.transpose(0, 1))
        x = x + self.deep(deep).transpose(1, 2)

        for upsample, block in zip(self.decoder, self.after, strict=False):
            x = step(block, F.silu(step(upsample, x)) + skips.pop())
        x = F.silu(step(self.decoder[-1], x))  # [B, C, T]

        restored = inputs[:, :1] + step(self.head, x).to(inputs.dtype)
        restored = torch.cat([next(old_states), restored], dim=2)  # [B, 1, 480 + T]
        return restored[:, :, :-HOP_LENGTH], [*new_states, restored[:, :, -HOP_LENGTH:]]

    @property
    def last_layer(self) -> Tensor:
        """The weights of the last layer, at which a training weighs its gradients."""
        return self.head.conv.parametrizations.weight.original1

    def start(self, batch_size: int) -> State:
        """The state of silence before the signal.

        It holds contexts of the layers in the order of their use, with the GRU's state between
        encoder and decoder, and the last hop of the result.
        """
        zeros = self.deep.bias.new_zeros

        def context(layer: CausalConv1d) -> Tensor:
            return zeros(batch_size, layer.conv.in_channels, layer.context)

        def overlap(layer: CausalTransposed1d) -> Tensor:
            return zeros(batch_size, layer.conv.out_channels, layer.trim)

        down, up = [], []
        for conv, block in zip(self.encoder, self.before, strict=False):
            down += [context(conv), context(block.first)]
        for upsample, block in zip(self.decoder, self.after, strict=False):
            up += [overlap(upsample), context(block.first)]
        return [
            *down,
            context(self.encoder[-1]),
            zeros(batch_size, 1, self.gru.hidden_size),
            *up,
            overlap(self.decoder[-1]),
            context(self.head),
            zeros(batch_size, 1, HOP_LENGTH),
        ]
