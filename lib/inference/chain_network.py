"""DeepFilterNet3's network on the frames of one signal, in few operations.

`lib.deepfilter.network` with the same layers and weights. A hop of a stream is one frame, in which
every operation costs a microsecond however small it is. So states lie as the layers take them, the
GRUs' layers have states of their own, the pathway keeps sums in place of products, and each pair of
convolutions is one.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.grid import N_DF, N_ERB, ORDER
from lib.deepfilter.network import (
    CHANNELS,
    HIDDEN,
    N_CONTEXT,
    GroupedLinear,
    Network,
    Pathway,
    SeparableConv,
    SqueezedGRU,
)

N_TAPS = 2 * ORDER  # real and imaginary parts
NETWORK_STATES = {
    "erb_past": (1, 1, N_CONTEXT, N_ERB),
    "low_past": (1, 2, N_CONTEXT, N_DF),
    "encoder_gru": (1, 1, HIDDEN),
    "erb_gru_0": (1, 1, HIDDEN),
    "erb_gru_1": (1, 1, HIDDEN),
    "df_gru_0": (1, 1, HIDDEN),
    "df_gru_1": (1, 1, HIDDEN),
    "pathway_sums": (1, (ORDER - 1) * N_TAPS, 1, N_DF),
}


class FrameNetwork(nn.Module):
    """`gains, taps, *states = network(erb, low, *states)`.

    Args:
        network: its layers become those of the new network, and are changed.

    Shape:
        - erb: `[n, 32]`, low: `[n, 2, 96]`; states: as `NETWORK_STATES`
        - gains: `[n, 32]`, taps: `[n, 5, 2, 96]` (place, real and imaginary part, bin)

    >>> from lib.deepfilter.network import make_network
    >>> states = [torch.zeros(shape) for shape in NETWORK_STATES.values()]
    >>> gains, taps, *states = FrameNetwork(make_network())(
    ...     torch.zeros(3, 32), torch.zeros(3, 2, 96), *states
    ... )
    >>> list(gains.shape), list(taps.shape)
    ([3, 32], [3, 5, 2, 96])
    """

    def __init__(self, network: Network):
        super().__init__()
        self.enc, self.erb_dec, self.df_dec = network.enc, network.erb_dec, network.df_dec
        self.enc.lsnr_fc = None  # the local SNR is not asked for
        for part in (self.enc, self.erb_dec):
            for name, layer in list(part.named_children()):
                if isinstance(layer, SeparableConv):
                    setattr(part, name, nn.Sequential(joined(layer), nn.ReLU()))
                elif isinstance(layer, nn.Conv2d) and layer.groups == CHANNELS:
                    setattr(part, name, Scale(layer))
        grus = [self.enc.emb_gru, self.erb_dec.emb_gru, self.df_dec.df_gru]
        self.grus = nn.ModuleList(
            [nn.ModuleList(_single_layers(squeezed.gru)) for squeezed in grus]
        )
        self.requires_grad_(False)

    def forward(self, erb: Tensor, low: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        erb_past, low_past, of_encoder, *of_decoders, sums = states
        of_encoder_layers, of_erb_layers, of_df_layers = self.grus
        erb = torch.cat([erb_past, erb[None, None]], dim=2)  # [1, 1, 2 + n, 32]
        low = torch.cat([low_past, low.transpose(0, 1)[None]], dim=2)  # [1, 2, 2 + n, 96]

        enc = self.enc
        e0 = F.relu(enc.erb_conv0(erb))  # [1, 64, n, 32]
        e1 = enc.erb_conv1(e0)  # [1, 64, n, 16]
        e2 = enc.erb_conv2(e1)  # [1, 64, n, 8]
        e3 = enc.erb_conv3(e2)  # [1, 64, n, 8]
        c0 = F.relu(enc.df_conv0(low))  # [1, 64, n, 96]
        c1 = enc.df_conv1(c0)  # [1, 64, n, 48]
        x = _by_frames(e3) + F.relu(grouped(enc.df_fc_emb, _by_frames(c1)))
        embedding, of_encoder = squeezed(enc.emb_gru, of_encoder_layers, x, [of_encoder])

        dec = self.erb_dec
        x, of_erb = squeezed(dec.emb_gru, of_erb_layers, embedding, of_decoders[:2])
        x = x.reshape(-1, N_ERB // 4, CHANNELS).permute(2, 0, 1)[None]  # [1, 64, n, 8]
        x = dec.convt3(F.relu(dec.conv3p(e3)) + x)
        x = dec.convt2(F.relu(dec.conv2p(e2)) + x)  # [1, 64, n, 16]
        x = dec.convt1(F.relu(dec.conv1p(e1)) + x)  # [1, 64, n, 32]
        gains = torch.sigmoid(dec.conv0_out(F.relu(dec.conv0p(e0)) + x))[0, 0]  # [n, 32]

        dec = self.df_dec
        x, of_df = squeezed(dec.df_gru, of_df_layers, embedding, of_decoders[2:])
        x = torch.tanh(grouped(dec.df_out, x + grouped(dec.df_skip, embedding)))  # [n, 960]
        pathway, sums = pathway_frames(dec.df_convp, c0, sums)  # [n, 10, 96]
        taps = x.reshape(-1, N_DF, N_TAPS).transpose(1, 2) + pathway
        taps = taps.reshape(-1, ORDER, 2, N_DF)
        past = erb[:, :, -N_CONTEXT:], low[:, :, -N_CONTEXT:]
        return gains, taps, *past, *of_encoder, *of_erb, *of_df, sums


class Scale(nn.Module):
    """A factor and an offset for each channel, which a convolution of single points is."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.weight = nn.Parameter(conv.weight[:, 0])  # [64, 1, 1]
        self.bias = nn.Parameter(conv.bias[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """`[1, 64, n, F]` -> the same shape."""
        return x * self.weight + self.bias


def joined(pair: SeparableConv) -> nn.Conv2d | nn.ConvTranspose2d:
    """Both convolutions of a pair as one over channels and frequency.

    It takes three times the multiplications of the second one, and less time than two operations.
    """
    conv = pair.depthwise
    pointwise = pair.pointwise.weight[:, :, 0, 0]  # [out, in]
    kernel = conv.weight[:, 0]  # [in, 1, 3]
    weight = torch.einsum("oc,chw->ochw", pointwise, kernel)
    options = {"stride": conv.stride, "padding": conv.padding}
    if isinstance(conv, nn.ConvTranspose2d):
        options["output_padding"] = conv.output_padding
        weight = weight.transpose(0, 1)  # such a layer has the inputs first
    with torch.device("meta"):
        both = type(conv)(CHANNELS, CHANNELS, conv.kernel_size, **options)
    weights = {"weight": weight.contiguous(), "bias": pair.pointwise.bias}
    both.load_state_dict(weights, assign=True)
    return both


def grouped(layer: GroupedLinear, x: Tensor) -> Tensor:
    """The layer on `[n, groups * n_in]` as small matrix products: `[n, groups * n_out]`."""
    n_groups, n_in = layer.groups
    return (x.reshape(-1, n_groups, 1, n_in) @ layer.weight).reshape(
        -1, n_groups * layer.weight.shape[2]
    )


def squeezed(
    layer: SqueezedGRU, grus: nn.ModuleList, x: Tensor, states: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """`SqueezedGRU` on `[n, C_in]` with a state `[1, 1, 256]` for each layer of the GRU."""
    x = F.relu(grouped(layer.linear_in, x))[:, None]  # time first: [n, 1, 256]
    after = []
    for gru, state in zip(grus, states, strict=True):
        x, state = gru(x, state)
        after.append(state)
    x = x[:, 0]
    if layer.linear_out is not None:
        x = F.relu(grouped(layer.linear_out, x))
    return x, after


def pathway_frames(pathway: Pathway, c0: Tensor, sums: Tensor) -> tuple[Tensor, Tensor]:
    """`Pathway` with sums of products as its state.

    A frame's products for place k (0: four frames later, ..., 4: now) are added to the sum of what
    earlier frames gave for the same result, which was at place k - 1.

    Shape:
        - c0: `[1, 64, n, 96]`, sums: `[1, 40, 1, 96]`; result: `[n, 10, 96]`
    """
    results = []
    for products in pathway.conv(c0).split(1, dim=2):  # [1, 50, 1, 96]
        shifted = F.pad(sums, (0, 0, 0, 0, N_TAPS, 0))
        sums, result = (products + shifted).split([(ORDER - 1) * N_TAPS, N_TAPS], dim=1)
        results.append(result)
    total = F.relu(torch.cat(results, dim=2) + pathway.bias)  # [1, 10, n, 96]
    return total[0].transpose(0, 1), sums


def _by_frames(x: Tensor) -> Tensor:
    """`[1, 64, n, F]` -> `[n, F * 64]`."""
    return x[0].permute(1, 2, 0).flatten(1)


def _single_layers(gru: nn.GRU) -> list[nn.GRU]:
    """The layers of a GRU as GRUs of one layer, time first, with the same weights."""
    layers = []
    for i in range(gru.num_layers):
        with torch.device("meta"):
            layer = nn.GRU(HIDDEN, HIDDEN)
        names = ("weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l")
        weights = {f"{name}0": getattr(gru, f"{name}{i}") for name in names}
        layer.load_state_dict(weights, assign=True)
        layers.append(layer)
    return layers
