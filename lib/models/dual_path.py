"""A generator of two paths: recurrence over time for each group of bins, attention over the groups.

A group's memory and what the groups tell each other are learned once for all groups, so that few
weights see every harmonic of every voice. Small networks of this shape enhance speech well (DPRNN,
arXiv 1910.06379; DPT-FSNet, arXiv 2104.13002).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.grid import HOP_LENGTH, N_FFT, vorbis_window
from lib.models.causal import CausalConv2d, State, check_hops
from lib.models.compression import compress, expand
from lib.models.frames import analysis, synthesis
from lib.models.gate import gated_rise, pause_gate
from lib.models.masks import apply_masks
from lib.models.spectral import Upsample

# The measured size: channels of the first layers, units of each path.
SIZES = {"base": (32, 64)}
STRIDES = (4, 2, 2)  # of the encoder, over frequency
N_BINS = (480, 120, 60)  # at the input of each of its layers
N_GROUPS = 30  # behind the last one, of 16 bins or 800 Hz each
N_BLOCKS = 3
N_HEADS = 4


class Block(nn.Module):
    """One step along each path, then a layer for each place by itself; all three are residuals.

    Shape:
        - x, and the result: `[B, frames, 30, C]`
        - state: `[B, 30, C]`, of the GRU after the last frame
    """

    def __init__(self, width: int):
        super().__init__()
        self.before_time, self.before_groups, self.before_place = (
            nn.LayerNorm(width) for _ in range(3)
        )
        self.gru = nn.GRU(width, width, batch_first=True)
        self.after_gru = nn.Linear(width, width)
        # Attention does not know the order of the groups, so each has a vector of its own.
        self.position = nn.Parameter(0.1 * torch.randn(N_GROUPS, width))
        self.attention = nn.Linear(width, 3 * width)
        self.after_attention = nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        heard = self.before_time(x).transpose(1, 2).flatten(0, 1)  # [B 30, frames, C]
        # The GRU's state runs on from call to call; it stays in single precision.
        with torch.autocast(x.device.type, enabled=False):
            heard, state = self.gru(heard.float(), state.flatten(0, 1)[None].contiguous())
        heard = self.after_gru(heard).unflatten(0, (-1, N_GROUPS))
        x = x + heard.transpose(1, 2)

        queries_keys_values = self.attention(self.before_groups(x + self.position))
        heads = queries_keys_values.unflatten(3, (3, N_HEADS, -1)).permute(3, 0, 1, 4, 2, 5)
        queries, keys, values = heads.unbind(0)  # [B, frames, heads, 30, C / heads]
        weights = queries @ keys.transpose(3, 4) * queries.shape[4] ** -0.5
        told = torch.softmax(weights, dim=4) @ values
        x = x + self.after_attention(told.transpose(2, 3).flatten(3))

        x = x + self.narrow(F.silu(self.widen(self.before_place(x))))
        return x, state[0].unflatten(0, (-1, N_GROUPS))


class DualPath(nn.Module):
    """Complex masks of bins and a residual, from two paths over groups of bins.

    Both inputs are taken to DeepFilterNet3's STFT grid and their magnitudes compressed,
    `z = |X|^0.3 exp(i arg X)`, `restored = enhanced + enhanced * m_e + noisy * m_n + r`, and back.
    A new network has masks and a residual near zero. Spectra are in single precision under
    autocast, too.

    Args:
        channels: width of the first layers; 32 with 64 units gives 0.26 million parameters.
        condition_on_noisy: hear the noisy recording beside DeepFilterNet3's output.
        hidden: units of each path, a multiple of 4.
        mask_noisy: have a mask on `noisy`, too: what DeepFilterNet3 took comes back from there.
        gate_pauses: make nothing louder where nobody speaks, see `lib.models.gate`.
        learning: without the gate. A network that learns behind it would learn nothing of pauses.

    Shape:
        - inputs: `[B, 2, T]` (enhanced, noisy), or `[B, 1, T]` without conditioning; `T` a multiple
          of 480
        - restored: `[B, 1, T]`, `delay` = 480 samples late
    """

    hop_length = HOP_LENGTH
    delay = N_FFT - HOP_LENGTH

    def __init__(
        self,
        channels: int = 32,
        condition_on_noisy: bool = True,
        hidden: int = 64,
        mask_noisy: bool = True,
        gate_pauses: bool = True,
        learning: bool = False,
    ):
        super().__init__()
        self.arguments = (channels, condition_on_noisy, hidden, mask_noisy, gate_pauses, learning)
        self.gate_pauses, self.learning = gate_pauses, learning
        self.n_inputs = 2 if condition_on_noisy else 1
        n_heard = 3 * self.n_inputs  # real and imaginary parts, and magnitudes
        widths = [n_heard, channels, channels, hidden]
        sizes = list(zip(widths[:-1], widths[1:], STRIDES, strict=True))
        self.encoder = nn.ModuleList(
            [CausalConv2d(c_in, c_out, 2, 2 * stride + 1, stride) for c_in, c_out, stride in sizes]
        )
        self.skips = nn.ModuleList([nn.Conv2d(width, width, 1) for width in widths[1:]])
        self.blocks = nn.ModuleList([Block(hidden) for _ in range(N_BLOCKS)])
        self.decoder = nn.ModuleList(
            [
                Upsample(c_out, max(c_in, channels), stride)
                for c_in, c_out, stride in reversed(sizes)
            ]
        )
        n_masks = self.n_inputs if mask_noisy else 1
        self.head = nn.Conv2d(channels + n_heard, 2 * n_masks + 2, (1, 3), padding=(0, 1))
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
        last_hop, overlap, *others = state or self.start(len(inputs))
        contexts, others = others[: len(STRIDES)], others[len(STRIDES) :]
        memories, peaks = others[:N_BLOCKS], others[N_BLOCKS:]
        with torch.autocast(inputs.device.type, enabled=False):
            linear_real, linear_imag, last_hop = analysis(inputs.float(), last_hop, self.window)
            real, imag = compress(linear_real, linear_imag)  # [B, C, frames, 481]
            magnitude = (real.square() + imag.square() + 1e-8).sqrt()
        # The network leaves 24 kHz alone: 480 bins divide by the strides.
        heard = torch.cat([real, imag, magnitude], dim=1)[..., :-1]  # [B, 3 C, frames, 480]

        x = heard
        skips, new_contexts = [], []
        for conv, skip, context in zip(self.encoder, self.skips, contexts, strict=True):
            x, context = conv(x, context.to(x.dtype))
            x = F.silu(x)
            skips.append(skip(x))
            new_contexts.append(context)
        x = x.permute(0, 2, 3, 1)  # [B, frames, 30, C]
        new_memories = []
        for block, memory in zip(self.blocks, memories, strict=True):
            x, memory = block(x, memory)
            new_memories.append(memory)
        x = x.permute(0, 3, 1, 2)
        for upsample in self.decoder:
            x = F.silu(upsample(x + skips.pop()))
        output = self.head(torch.cat([x, heard.to(x.dtype)], dim=1))  # [B, 2 M + 2, frames, 480]

        with torch.autocast(inputs.device.type, enabled=False):
            output = F.pad(output.float(), (0, 1))  # [B, 2 M + 2, frames, 481]
            restored = expand(*apply_masks(real, imag, output))  # [B, 1, frames, 481] each
            if self.gate_pauses and not self.learning:
                enhanced = linear_real[:, :1], linear_imag[:, :1]
                gate, peak = pause_gate(*enhanced, peaks[0])
                restored, peaks = gated_rise(enhanced, restored, gate), [peak]
            signal, overlap = synthesis(*restored, overlap, self.window)
        return signal, [last_hop, overlap, *new_contexts, *new_memories, *peaks]

    @property
    def last_layer(self) -> Tensor:
        """The weights of the last layer, at which a training weighs its gradients."""
        return self.head.weight

    def start(self, batch_size: int) -> State:
        """The state of silence before the signal.

        It holds the last hop of the inputs, the half frame that overlaps the next hop, a context of
        each layer of the encoder, the GRUs' states and the loudest level that the gate knows.
        """
        zeros = self.window.new_zeros
        widths = [conv.conv.in_channels for conv in self.encoder]
        units = self.blocks[0].gru.hidden_size
        return [
            zeros(batch_size, self.n_inputs, HOP_LENGTH),
            zeros(batch_size, 1, HOP_LENGTH),
            *(zeros(batch_size, width, 1, n) for width, n in zip(widths, N_BINS, strict=True)),
            *(zeros(batch_size, N_GROUPS, units) for _ in range(N_BLOCKS)),
            *([zeros(batch_size, 1, 1)] if self.gate_pauses and not self.learning else []),
        ]
