"""The neural part of DeepFilterNet3: features of frames -> gains, filter taps, local SNR.

Schröter et al., "DeepFilterNet: Perceptually Motivated Real-Time Speech Enhancement", 2023.
Layers have the names of upstream's code. Upstream's own graphs take no state; here the whole state
is an argument and a result, so that whole signals, blocks and single hops are one function.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.grid import LSNR_MAX, LSNR_MIN, N_DF, N_ERB, ORDER
from lib.deepfilter.weights import fold_convolution_pairs, read_weights

CHANNELS, HIDDEN = 64, 256  # of the convolutions and of the GRUs
N_CONTEXT = 2  # frames before this one that the first convolutions hear
# Arguments and results of `Network`, in their order.
FEATURES = ("erb", "low")
ESTIMATES = ("gains", "taps", "lsnr_db")
STATES = ("erb_past", "low_past", "encoder_gru", "erb_gru", "df_gru", "pathway_past")


def make_network() -> "Network":
    """The frozen network with the official weights.

    Raises:
        RuntimeError: the installed weights are not the official ones.

    >>> sum(parameter.numel() for parameter in make_network().parameters())
    2132364
    """
    # On the device `meta` parameters are shapes alone, and no random numbers are drawn for them.
    with torch.device("meta"):
        network = Network()
    network.load_state_dict(fold_convolution_pairs(read_weights()), assign=True)
    return network.eval().requires_grad_(False)


class GroupedLinear(nn.Module):
    """A linear layer in groups that do not hear each other, without a bias.

    Shape:
        - x: `[B, frames, n_groups * n_in]`
        - y: `[B, frames, n_groups * n_out]`
    """

    def __init__(self, n_groups: int, n_in: int, n_out: int):
        super().__init__()
        self.groups = (n_groups, n_in)
        self.weight = nn.Parameter(torch.empty(n_groups, n_in, n_out))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        # As products of matrices: ONNX Runtime takes longer for an `einsum`, a sixth of a block.
        by_group = x.reshape(-1, *self.groups).transpose(0, 1) @ self.weight  # [groups, frames, h]
        return by_group.transpose(0, 1).reshape(*x.shape[:2], -1)


class SqueezedGRU(nn.Module):
    """A GRU between grouped linear layers: `[B, frames, C_in]`, state -> `[B, frames, C]`, state.

    The state is `[B, n_layers, 256]`: the batch comes first, as in all states.
    """

    def __init__(self, linear_in: nn.Module, n_layers: int, linear_out: nn.Module | None = None):
        super().__init__()
        self.linear_in = linear_in
        self.gru = nn.GRU(HIDDEN, HIDDEN, n_layers, batch_first=True)
        self.linear_out = linear_out

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        x = F.relu(self.linear_in(x))
        # PyTorch's GRU has the layers first.
        x, state = self.gru(x, state.transpose(0, 1).contiguous())
        if self.linear_out is not None:
            x = F.relu(self.linear_out(x))
        return x, state.transpose(0, 1)


class SeparableConv(nn.Module):
    """A convolution over frequency for each channel, then one over channels.

    Shape:
        - x: `[B, 64, frames, F]`
        - y: `[B, 64, frames, F / stride]`; of the transposed one `[B, 64, frames, F * stride]`
    """

    def __init__(self, stride: int, transposed: bool = False):
        super().__init__()
        layer = partial(nn.ConvTranspose2d, output_padding=(0, 1)) if transposed else nn.Conv2d
        self.depthwise = layer(
            CHANNELS, CHANNELS, (1, 3), (1, stride), padding=(0, 1), groups=CHANNELS, bias=False
        )
        self.pointwise = nn.Conv2d(CHANNELS, CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return F.relu(self.pointwise(self.depthwise(x)))


class Encoder(nn.Module):
    """ERB levels and low bins -> an embedding of each frame, and the local SNR."""

    def __init__(self):
        super().__init__()
        # Over time these two are not padded: the frames before come with the state.
        self.erb_conv0 = nn.Conv2d(1, CHANNELS, (1 + N_CONTEXT, 3), padding=(0, 1))
        self.df_conv0 = nn.Conv2d(2, CHANNELS, (1 + N_CONTEXT, 3), padding=(0, 1))
        self.erb_conv1 = SeparableConv(stride=2)
        self.erb_conv2 = SeparableConv(stride=2)
        self.erb_conv3 = SeparableConv(stride=1)
        self.df_conv1 = SeparableConv(stride=2)
        self.df_fc_emb = GroupedLinear(32, 96, 16)
        linear_in, linear_out = GroupedLinear(16, 32, 16), GroupedLinear(16, 16, 32)
        self.emb_gru = SqueezedGRU(linear_in, 1, linear_out)
        self.lsnr_fc = nn.Linear(2 * HIDDEN, 1)

    def forward(
        self, erb: Tensor, low: Tensor, gru: Tensor
    ) -> tuple[Tensor, list[Tensor], Tensor, Tensor, Tensor]:
        """Embedding, the ERB levels' convolutions, that of the low bins, local SNR in dB, GRU."""
        e0 = F.relu(self.erb_conv0(erb))  # [B, 64, frames, 32]
        e1 = self.erb_conv1(e0)  # [B, 64, frames, 16]
        e2 = self.erb_conv2(e1)  # [B, 64, frames, 8]
        e3 = self.erb_conv3(e2)  # [B, 64, frames, 8]
        c0 = F.relu(self.df_conv0(low))  # [B, 64, frames, 96]
        c1 = self.df_conv1(c0)  # [B, 64, frames, 48]

        # Both branches have 512 numbers a frame: 64 channels times 8, and the projected low bins.
        of_low = self.df_fc_emb(c1.permute(0, 2, 3, 1).flatten(2))  # [B, frames, 512]
        x = e3.permute(0, 2, 3, 1).flatten(2) + F.relu(of_low)
        embedding, gru = self.emb_gru(x, gru)  # [B, frames, 512]
        share = torch.sigmoid(self.lsnr_fc(embedding)[..., 0])
        lsnr_db = share * (LSNR_MAX - LSNR_MIN) + LSNR_MIN  # [B, frames]
        return embedding, [e0, e1, e2, e3], c0, lsnr_db, gru


class ErbDecoder(nn.Module):
    """Embedding and the encoder's ERB convolutions -> gains of the ERB bands, 0 to 1."""

    def __init__(self):
        super().__init__()
        linear_in, linear_out = GroupedLinear(16, 32, 16), GroupedLinear(16, 16, 32)
        self.emb_gru = SqueezedGRU(linear_in, 2, linear_out)
        self.conv3p = nn.Conv2d(CHANNELS, CHANNELS, 1, groups=CHANNELS)
        self.convt3 = SeparableConv(stride=1)
        self.conv2p = nn.Conv2d(CHANNELS, CHANNELS, 1, groups=CHANNELS)
        self.convt2 = SeparableConv(stride=2, transposed=True)
        self.conv1p = nn.Conv2d(CHANNELS, CHANNELS, 1, groups=CHANNELS)
        self.convt1 = SeparableConv(stride=2, transposed=True)
        self.conv0p = nn.Conv2d(CHANNELS, CHANNELS, 1, groups=CHANNELS)
        self.conv0_out = nn.Conv2d(CHANNELS, 1, (1, 3), padding=(0, 1))

    def forward(
        self, embedding: Tensor, levels: list[Tensor], gru: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gains `[B, frames, 32]` and the GRU's state."""
        e0, e1, e2, e3 = levels
        x, gru = self.emb_gru(embedding, gru)
        x = x.unflatten(2, (N_ERB // 4, CHANNELS)).permute(0, 3, 1, 2)  # [B, 64, frames, 8]
        # Back up to 32 bands, with the encoder's convolution of the same width at each step.
        x = self.convt3(F.relu(self.conv3p(e3)) + x)  # [B, 64, frames, 8]
        x = self.convt2(F.relu(self.conv2p(e2)) + x)  # [B, 64, frames, 16]
        x = self.convt1(F.relu(self.conv1p(e1)) + x)  # [B, 64, frames, 32]
        x = self.conv0_out(F.relu(self.conv0p(e0)) + x)  # [B, 1, frames, 32]
        return torch.sigmoid(x)[:, 0], gru


class Pathway(nn.Module):
    """Convolution of the low bins over five frames, beside the GRU.

    Each frame is multiplied by the kernels of all five places at once. The state holds these
    products of the last four frames, so that no frame is multiplied twice.
    """

    def __init__(self):
        super().__init__()
        # For each of five places ten channels: five taps, real and imaginary.
        self.conv = nn.Conv2d(CHANNELS, ORDER * 2 * ORDER, 1, bias=False)
        self.bias = nn.Parameter(torch.empty(2 * ORDER, 1, 1))

    def forward(self, c0: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, 64, frames, 96]` -> `[B, 10, frames, 96]`; `past` is `[B, 50, 4, 96]`."""
        products = torch.cat([past, self.conv(c0)], dim=2)  # [B, 50, 4 + frames, 96]
        n_past = ORDER - 1
        n_frames = products.shape[2] - n_past
        shifted = enumerate(products.chunk(ORDER, dim=1))
        total = sum(part[:, :, k : k + n_frames] for k, part in shifted)
        return F.relu(total + self.bias), products[:, :, -n_past:]


class DeepFilterDecoder(nn.Module):
    """Embedding and the encoder's convolution of the low bins -> taps of their filter."""

    def __init__(self):
        super().__init__()
        self.df_gru = SqueezedGRU(GroupedLinear(8, 64, 32), 2)
        self.df_skip = GroupedLinear(16, 32, 16)
        self.df_convp = Pathway()
        self.df_out = GroupedLinear(16, 16, 60)

    def forward(
        self, embedding: Tensor, c0: Tensor, gru: Tensor, past: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Taps `[B, frames, 96, 5, 2]` (real, imaginary), states of the GRU and of the pathway."""
        x, gru = self.df_gru(embedding, gru)  # [B, frames, 256]
        x = torch.tanh(self.df_out(x + self.df_skip(embedding)))  # [B, frames, 960]
        pathway, past = self.df_convp(c0, past)
        taps = x.unflatten(2, (N_DF, 2 * ORDER)) + pathway.permute(0, 2, 3, 1)
        return taps.unflatten(3, (ORDER, 2)), gru, past


class Network(nn.Module):
    """Features -> gains, filter taps, local SNR. Causal.

    Shape:
        - erb: `[B, frames, 32]`, low: `[B, 2, frames, 96]`
        - gains: `[B, frames, 32]`, taps: `[B, frames, 96, 5, 2]`, lsnr_db: `[B, frames]`
        - states as `start` gives them; the new ones are the last six results
    """

    def __init__(self):
        super().__init__()
        self.enc = Encoder()
        self.erb_dec = ErbDecoder()
        self.df_dec = DeepFilterDecoder()

    def forward(self, erb: Tensor, low: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        erb_past, low_past, encoder_gru, erb_gru, df_gru, pathway_past = states
        erb = torch.cat([erb_past, erb[:, None]], dim=2)  # [B, 1, 2 + frames, 32]
        low = torch.cat([low_past, low], dim=2)  # [B, 2, 2 + frames, 96]
        # Both decoders start from the embedding and from an early layer of the encoder.
        embedding, levels, c0, lsnr_db, encoder_gru = self.enc(erb, low, encoder_gru)
        gains, erb_gru = self.erb_dec(embedding, levels, erb_gru)
        taps, df_gru, pathway_past = self.df_dec(embedding, c0, df_gru, pathway_past)
        erb_past, low_past = erb[:, :, -N_CONTEXT:], low[:, :, -N_CONTEXT:]
        states = erb_past, low_past, encoder_gru, erb_gru, df_gru, pathway_past
        return gains, taps, lsnr_db, *states

    def start(self, batch_size: int) -> tuple[Tensor, ...]:
        """The states before any signal, in the order of `STATES`."""
        # On the device of the weights.
        zeros = self.df_dec.df_convp.bias.new_zeros
        return (
            zeros(batch_size, 1, N_CONTEXT, N_ERB),
            zeros(batch_size, 2, N_CONTEXT, N_DF),
            zeros(batch_size, 1, HIDDEN),
            zeros(batch_size, 2, HIDDEN),
            zeros(batch_size, 2, HIDDEN),
            zeros(batch_size, 2 * ORDER * ORDER, ORDER - 1, N_DF),
        )
