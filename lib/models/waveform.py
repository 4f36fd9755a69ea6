"""The baseline on the waveform: strided causal convolutions, a GRU at one step a hop, transposed convolutions back up."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.grid import HOP_LENGTH
from lib.models.causal import CausalConv1d, CausalTransposed1d, State, check_hops

SIZES = {"small": (16, 160), "base": (28, 256)}  # channels of the first layer, units of the GRU
STRIDES = (4, 4, 5, 6)  # 48 kHz -> 12 kHz -> 3 kHz -> 600 Hz -> 100 Hz
SPAN = 7  # steps that a residual block hears


class Waveform(nn.Module):
    """`enhanced` and a correction, drawn by a U-Net over the waveform with a GRU at its narrowest place.

    Within a hop the narrowest place hears the whole hop, so the output waits for its end: it is one hop late.

    Args:
        channels: width of the first layer, doubled with each stride.
        condition_on_noisy: hear the noisy recording beside DeepFilterNet3's output.
        hidden: units of the GRU.

    Shape:
        - inputs: `[B, 2, T]` (enhanced, noisy), or `[B, 1, T]` without conditioning; `T` a multiple of 480
        - restored: `[B, 1, T]`, `delay` = 480 samples late
    """

    hop_length = HOP_LENGTH
    delay = HOP_LENGTH

    def __init__(self, channels: int = 28, condition_on_noisy: bool = True, hidden: int = 256):
        super().__init__()
        self.arguments, self.n_inputs = (
            (channels, condition_on_noisy, hidden),
            2 if condition_on_noisy else 1,
        )
        widths = [channels * 2**k for k in range(len(STRIDES))]
        sizes = list(zip([self.n_inputs, *widths[:-1]], widths, STRIDES, strict=True))
        self.encoder = nn.ModuleList(
            [CausalConv1d(i, o, 2 * stride, stride) for i, o, stride in sizes]
        )
        self.before = nn.ModuleList([Residual(width) for width in widths[:-1]])
        self.gru = nn.GRU(widths[-1], hidden, batch_first=True)
        self.deep = nn.Linear(hidden, widths[-1])
        ups = [(o, i if k else channels, stride) for k, (i, o, stride) in enumerate(sizes)]
        self.decoder = nn.ModuleList(
            [CausalTransposed1d(i, o, 2 * stride, stride) for i, o, stride in reversed(ups)]
        )
        self.after = nn.ModuleList([Residual(o) for _, o, _ in reversed(ups[1:])])
        self.head = CausalConv1d(channels, 1, SPAN)
        with torch.no_grad():  # start as DeepFilterNet3's output; the weight's size is its norm's
            self.head.conv.parametrizations.weight.original0.mul_(1e-3)
            self.head.conv.bias.zero_()

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """See the class. Raises `ValueError` for another shape."""
        check_hops(inputs, self.n_inputs, HOP_LENGTH)
        old, new = iter(state or self.start(len(inputs))), []

        def step(layer: nn.Module, x: Tensor) -> Tensor:
            y, after = layer(x, next(old).to(x.dtype))
            new.append(after)
            return y

        x, skips = inputs, []
        for k, conv in enumerate(self.encoder):
            x = F.silu(step(conv, x))
            if k < len(self.before):
                x = step(self.before[k], x)
                skips.append(x)
        with torch.autocast(inputs.device.type, enabled=False):
            deep, hidden = self.gru(
                x.transpose(1, 2).float(), next(old).transpose(0, 1).contiguous()
            )
        new.append(hidden.transpose(0, 1))
        x = x + self.deep(deep).transpose(1, 2)
        for k, up in enumerate(self.decoder):
            x = F.silu(step(up, x))
            if k < len(self.after):
                x = step(self.after[k], x + skips.pop())
        now = inputs[:, :1] + step(self.head, x).to(inputs.dtype)
        late = torch.cat([next(old), now], dim=2)
        return late[:, :, :-HOP_LENGTH], [*new, late[:, :, -HOP_LENGTH:]]

    def start(self, batch_size: int) -> State:
        """The state of silence before the signal: contexts of the layers in the order of their use, GRU, the last hop."""
        zeros = self.deep.bias.new_zeros
        down = []
        for k, conv in enumerate(self.encoder):
            down.append(zeros(batch_size, conv.conv.in_channels, conv.context))
            if k < len(self.before):
                down.append(zeros(batch_size, conv.conv.out_channels, self.before[k].first.context))
        up = []
        for k, conv in enumerate(self.decoder):
            up.append(zeros(batch_size, conv.conv.out_channels, conv.trim))
            if k < len(self.after):
                up.append(zeros(batch_size, conv.conv.out_channels, self.after[k].first.context))
        head = zeros(batch_size, self.head.conv.in_channels, self.head.context)
        hidden = zeros(batch_size, 1, self.gru.hidden_size)
        return [*down, hidden, *up, head, zeros(batch_size, 1, HOP_LENGTH)]


class Residual(nn.Module):
    """`x` and what a causal convolution and one over channels make of it: `[B, C, T]` -> `[B, C, T]`."""

    def __init__(self, channels: int):
        super().__init__()
        self.first, self.second = (
            CausalConv1d(channels, channels, SPAN),
            CausalConv1d(channels, channels, 1),
        )

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See the class."""
        y, state = self.first(x, state)
        return x + self.second(F.silu(y))[0], state
