"""A generator of complex masks: compressed spectra, a U-Net over frequency, a GRU over time.

It works on DeepFilterNet3's own STFT grid, so that a frame of the input is a frame here.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.grid import HOP_LENGTH, N_FFT, vorbis_window
from lib.models.causal import CausalConv2d, State, check_hops
from lib.models.compression import compress, expand
from lib.models.frames import analysis, synthesis
from lib.models.gate import pause_gate
from lib.models.masks import apply_masks

# Measured sizes: channels of the first layer, units of the GRU.
SIZES = {"small": (16, 160), "base": (24, 256), "large": (40, 384)}
STRIDES = (4, 2, 2, 2)  # of the encoder, over frequency
N_BINS = (480, 120, 60, 30)  # at the input of each of its layers
N_DEEP_BINS = 15  # behind the last one


class Upsample(nn.Module):
    """Transposed convolution over frequency, of exactly `F * stride` bins.

    Shape:
        - x: `[B, C_in, frames, F]`; y: `[B, C_out, frames, F * stride]`
    """

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__()
        kernel = 2 * stride
        # Of the plain (F - 1) * stride + kernel bins this leaves F * stride.
        padding = (0, (kernel - stride) // 2)
        self.conv = nn.ConvTranspose2d(c_in, c_out, (1, kernel), (1, stride), padding)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.conv(x)


class Spectral(nn.Module):
    """Complex masks of bins and a residual, from a U-Net over frequency with a GRU over time.

    Both inputs are taken to DeepFilterNet3's STFT grid and their magnitudes compressed,
    `z = |X|^0.3 exp(i arg X)`, `restored = enhanced + g (enhanced * m_e + noisy * m_n + r)`, and
    back; the gate `g` is 0 in pauses.
    A new network has masks and a residual near zero. Spectra are in single precision under
    autocast, too.

    Args:
        channels: width of the first layer; 24 gives 1.3 million parameters.
        condition_on_noisy: hear the noisy recording beside DeepFilterNet3's output.
        hidden: units of the GRU.
        mask_noisy: have a mask on `noisy`, too. Without it noisy is only heard: no sound of it gets
            into the output.
        gate_pauses: change nothing where nobody speaks, see `lib.models.gate`.

    Shape:
        - inputs: `[B, 2, T]` (enhanced, noisy), or `[B, 1, T]` without conditioning; `T` a multiple
          of 480
        - restored: `[B, 1, T]`, `delay` = 480 samples late
    """

    hop_length = HOP_LENGTH
    delay = N_FFT - HOP_LENGTH

    def __init__(
        self,
        channels: int = 24,
        condition_on_noisy: bool = True,
        hidden: int = 256,
        mask_noisy: bool = False,
        gate_pauses: bool = True,
    ):
        super().__init__()
        masks = (mask_noisy, gate_pauses)
        self.arguments = (channels, condition_on_noisy, hidden, *masks)
        self.gate_pauses = gate_pauses
        self.n_inputs = 2 if condition_on_noisy else 1
        widths = [2 * self.n_inputs, channels, channels * 3 // 2, channels * 2, channels * 8 // 3]
        sizes = list(zip(widths[:-1], widths[1:], STRIDES, strict=True))
        self.encoder = nn.ModuleList(
            [CausalConv2d(c_in, c_out, 2, 2 * stride + 1, stride) for c_in, c_out, stride in sizes]
        )
        self.skips = nn.ModuleList([nn.Conv2d(width, width, 1) for width in widths[1:]])
        n_deep = widths[-1] * N_DEEP_BINS
        self.gru = nn.GRU(n_deep, hidden, batch_first=True)
        self.deep = nn.Linear(hidden, n_deep)
        # The decoder mirrors the encoder; its last layer is not narrower than the first one.
        self.decoder = nn.ModuleList(
            [
                Upsample(c_out, max(c_in, channels), stride)
                for c_in, c_out, stride in reversed(sizes)
            ]
        )
        n_masks = self.n_inputs if mask_noisy else 1
        self.head = nn.Conv2d(channels + widths[0], 2 * n_masks + 2, (1, 3), padding=(0, 1))
        # Start as DeepFilterNet3's output; weights of zero would leave layers without a gradient.
        with torch.no_grad():
            self.head.weight.mul_(3e-3)
            self.head.bias.zero_()
        self.register_buffer("window", torch.from_numpy(vorbis_window(N_FFT)), persistent=False)

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """See the class.

        Raises:
            ValueError: `inputs` have another shape.
        """
        check_hops(inputs, self.n_inputs, HOP_LENGTH)
        last_hop, *contexts, hidden, overlap = state or self.start(len(inputs))
        gate, gate_states = 1.0, []
        if self.gate_pauses:
            *contexts, peak = contexts

        with torch.autocast(inputs.device.type, enabled=False):
            real, imag, last_hop = analysis(inputs.float(), last_hop, self.window)
            if self.gate_pauses:
                gate, peak = pause_gate(real[:, :1], imag[:, :1], peak)
                gate_states = [peak]
            real, imag = compress(real, imag)  # [B, C, frames, 481]
        # The network leaves 24 kHz alone: 480 bins divide by the strides.
        spectra = torch.cat([real, imag], dim=1)[..., :-1]  # [B, 2 C, frames, 480]

        x = spectra
        skips, new_contexts = [], []
        for conv, skip, context in zip(self.encoder, self.skips, contexts, strict=True):
            x, context = conv(x, context.to(x.dtype))
            x = F.silu(x)
            skips.append(skip(x))
            new_contexts.append(context)

        # Here x is [B, C_deep, frames, 15].
        # The GRU's state runs on from call to call; it stays in single precision.
        with torch.autocast(inputs.device.type, enabled=False):
            deep = x.transpose(1, 2).flatten(2).float()  # [B, frames, 15 C_deep]
            deep, hidden = self.gru(deep, hidden.transpose(0, 1).contiguous())
        deep = self.deep(deep).unflatten(2, (-1, N_DEEP_BINS))  # [B, frames, C_deep, 15]
        x = x + deep.transpose(1, 2)

        for upsample in self.decoder:
            x = F.silu(upsample(x + skips.pop()))
        output = self.head(torch.cat([x, spectra.to(x.dtype)], dim=1))  # [B, 2 M + 2, frames, 480]

        with torch.autocast(inputs.device.type, enabled=False):
            output = F.pad(output.float(), (0, 1))  # [B, 2 M + 2, frames, 481]
            real, imag = apply_masks(real, imag, output, gate)
            real, imag = expand(real, imag)  # [B, 1, frames, 481]
            restored, overlap = synthesis(real, imag, overlap, self.window)
        states = [last_hop, *new_contexts, *gate_states, hidden.transpose(0, 1), overlap]
        return restored, states

    @property
    def last_layer(self) -> Tensor:
        """The weights of the last layer, at which a training weighs its gradients."""
        return self.head.weight

    def start(self, batch_size: int) -> State:
        """The state of silence before the signal.

        It holds the last hop of the inputs, a context of each layer of the encoder, the loudest
        level that the gate knows, the GRU's state and the half frame that overlaps the next hop.
        """
        zeros = self.window.new_zeros
        widths = [conv.conv.in_channels for conv in self.encoder]
        return [
            zeros(batch_size, self.n_inputs, HOP_LENGTH),
            *(zeros(batch_size, width, 1, n) for width, n in zip(widths, N_BINS, strict=True)),
            *([zeros(batch_size, 1, 1)] if self.gate_pauses else []),
            zeros(batch_size, 1, self.gru.hidden_size),
            zeros(batch_size, 1, HOP_LENGTH),
        ]
