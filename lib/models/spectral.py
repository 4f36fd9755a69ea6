"""The restorer's network on DeepFilterNet3's own STFT grid: compressed complex spectra, U-Net over frequency, GRU over time."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.grid import HOP_LENGTH, N_FFT, vorbis_window
from lib.models.causal import CausalConv2d, State, check_hops
from lib.models.dft import dft, inverse_dft

SIZES = {
    "small": (16, 160),
    "base": (24, 256),
    "large": (40, 384),
}  # channels of the first layer, units of the GRU
COMPRESSION = 0.3  # exponent of the magnitudes that the network sees, as in the complex losses of speech enhancement
POWER_FLOOR = (
    1e-12  # squared magnitude (-120 dB of a full-scale sine) below which compression turns linear
)


class Spectral(nn.Module):
    """Complex masks on `enhanced` and on `noisy` and a residual, all drawn by a U-Net over frequency with a GRU over time.

    Both inputs are taken to DeepFilterNet3's STFT grid and their magnitudes compressed, `z = |X|^0.3 exp(i arg X)`. There
    `restored = enhanced * (1 + m_e) + noisy * m_n + r`, and back. At the start masks and residual are near zero. Spectra are
    in single precision under autocast, too.

    Args:
        channels: width of the first layer; 24 gives 1.3 million parameters.
        condition_on_noisy: hear the noisy recording beside DeepFilterNet3's output.
        hidden: units of the GRU.

    Shape:
        - inputs: `[B, 2, T]` (enhanced, noisy), or `[B, 1, T]` without conditioning; `T` a multiple of 480
        - restored: `[B, 1, T]`, `delay` = 480 samples late
    """

    hop_length = HOP_LENGTH
    delay = N_FFT - HOP_LENGTH
    strides = (4, 2, 2, 2)  # 480 bins -> 120 -> 60 -> 30 -> 15

    def __init__(self, channels: int = 24, condition_on_noisy: bool = True, hidden: int = 256):
        super().__init__()
        self.arguments, self.n_inputs = (
            (channels, condition_on_noisy, hidden),
            2 if condition_on_noisy else 1,
        )
        widths = [2 * self.n_inputs, channels, channels * 3 // 2, channels * 2, channels * 8 // 3]
        spans = [2 * stride + 1 for stride in self.strides]
        layers = list(zip(widths[:-1], widths[1:], spans, self.strides, strict=True))
        self.encoder = nn.ModuleList(
            [CausalConv2d(i, o, 2, span, stride) for i, o, span, stride in layers]
        )
        self.skips = nn.ModuleList([nn.Conv2d(width, width, 1) for width in widths[1:]])
        n_deep = widths[-1] * 15
        self.gru = nn.GRU(n_deep, hidden, batch_first=True)
        self.deep = nn.Linear(hidden, n_deep)
        self.decoder = nn.ModuleList(
            [Upsample(o, max(i, channels), stride) for i, o, _, stride in reversed(layers)]
        )
        self.head = nn.Conv2d(channels + widths[0], 2 * self.n_inputs + 2, (1, 3), padding=(0, 1))
        with (
            torch.no_grad()
        ):  # start as DeepFilterNet3's output, with a gradient for every parameter all the same
            self.head.weight.mul_(3e-3)
            self.head.bias.zero_()
        self.register_buffer("window", vorbis_window(N_FFT), persistent=False)

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """See the class. Raises `ValueError` for another shape."""
        check_hops(inputs, self.n_inputs, HOP_LENGTH)
        state = state or self.start(len(inputs))
        with torch.autocast(inputs.device.type, enabled=False):
            real, imag, heard = self.analysis(inputs.float(), state[0])  # [B, C, frames, 481] each
            real, imag = compress(real, imag)
        parts = torch.cat([real, imag], dim=1)[
            ..., :-1
        ]  # [B, 2C, frames, 480]; the network leaves 24 kHz alone

        x, skips, contexts = parts, [], []
        for conv, skip, context in zip(self.encoder, self.skips, state[1:-2], strict=True):
            x, context = conv(x, context.to(x.dtype))
            x = F.silu(x)
            skips.append(skip(x))
            contexts.append(context)

        with torch.autocast(inputs.device.type, enabled=False):
            deep, hidden = self.gru(
                x.transpose(1, 2).flatten(2).float(), state[-2].transpose(0, 1).contiguous()
            )
        x = x + self.deep(deep).unflatten(2, (-1, 15)).transpose(1, 2)

        for up in self.decoder:
            x = F.silu(up(x + skips.pop()))
        drawn = self.head(torch.cat([x, parts.to(x.dtype)], dim=1))

        with torch.autocast(inputs.device.type, enabled=False):
            drawn = F.pad(
                drawn.float(), (0, 1)
            )  # [B, 2C + 2, frames, 481]: masks of the inputs, then the residual
            drawn_real, drawn_imag = drawn.chunk(2, dim=1)
            mask_real, mask_imag = drawn_real[:, : self.n_inputs], drawn_imag[:, : self.n_inputs]
            more_real = (real * mask_real - imag * mask_imag).sum(1, keepdim=True) + drawn_real[
                :, self.n_inputs :
            ]
            more_imag = (real * mask_imag + imag * mask_real).sum(1, keepdim=True) + drawn_imag[
                :, self.n_inputs :
            ]
            real, imag = real[:, :1] + more_real, imag[:, :1] + more_imag
            scale = _power(real, imag).pow((1 / COMPRESSION - 1) / 2)
            restored, overlap = self.synthesis(real * scale, imag * scale, state[-1])
        return restored, [heard, *contexts, hidden.transpose(0, 1), overlap]

    def start(self, batch_size: int) -> State:
        """The state of silence before the signal: last hop heard, contexts of the encoder, GRU, hop to be overlapped."""
        zeros, bins = self.window.new_zeros, [HOP_LENGTH // n for n in (1, 4, 8, 16)]
        widths = [conv.conv.in_channels for conv in self.encoder]
        contexts = [zeros(batch_size, width, 1, n) for width, n in zip(widths, bins, strict=True)]
        hidden = zeros(batch_size, 1, self.gru.hidden_size)
        return [
            zeros(batch_size, self.n_inputs, HOP_LENGTH),
            *contexts,
            hidden,
            zeros(batch_size, 1, HOP_LENGTH),
        ]

    def analysis(self, signals: Tensor, heard: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`[B, C, T]` -> real and imaginary part `[B, C, T / 480, 481]`, a full-scale sine at magnitude 1, and the last hop."""
        hops = signals.unflatten(2, (-1, HOP_LENGTH))
        before = torch.cat([heard[:, :, None], hops[:, :, :-1]], dim=2)
        frames = torch.cat([before, hops], dim=3) * (self.window * (2 / self.window.sum()))
        if torch.onnx.is_in_onnx_export():
            return *dft(frames), hops[:, :, -1]
        spectra = torch.fft.rfft(frames)
        return spectra.real, spectra.imag, hops[:, :, -1]

    def synthesis(self, real: Tensor, imag: Tensor, overlap: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse by overlap-add: `[B, 1, frames, 481]` twice -> `[B, 1, frames * 480]` and the half window to come."""
        if torch.onnx.is_in_onnx_export():
            frames = inverse_dft(real, imag)
        else:
            frames = torch.fft.irfft(torch.complex(real, imag), n=N_FFT)
        first, second = (frames * (self.window * (self.window.sum() / 2))).split(HOP_LENGTH, dim=3)
        late = torch.cat([overlap[:, :, None], second[:, :, :-1]], dim=2)
        return (first + late).flatten(2), second[:, :, -1]


class Upsample(nn.Module):
    """Transposed convolution over frequency: `[B, C_in, frames, F]` -> `[B, C_out, frames, F * stride]`, exactly."""

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__()
        kernel = 2 * stride
        self.conv = nn.ConvTranspose2d(
            c_in, c_out, (1, kernel), (1, stride), (0, (kernel - stride) // 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.conv(x)


def compress(real: Tensor, imag: Tensor) -> tuple[Tensor, Tensor]:
    """Magnitude to the power 0.3, phase kept; linear far below -120 dB so that silence has a gradient.

    >>> [round(float(part), 3) for part in compress(torch.tensor(0.0), torch.tensor(1e-3))]
    [0.0, 0.126]
    """
    scale = _power(real, imag, POWER_FLOOR).pow((COMPRESSION - 1) / 2)
    return real * scale, imag * scale


def _power(real: Tensor, imag: Tensor, floor: float = 0.0) -> Tensor:
    return real.square() + imag.square() + floor
