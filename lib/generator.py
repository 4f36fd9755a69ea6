"""The restorer's network: (enhanced, noisy) -> restored, causal, with explicit state.

`restored, state = generator(inputs, state)` is the one function for training, whole files and streams. `state=None` means
silence before the signal; handing the returned state to the next call goes on sample-exactly. `restored` comes
`generator.delay` samples late; `restore` takes care of that for whole signals.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter import HOP_LENGTH, N_FFT, vorbis_window  # one STFT grid for both stages

COMPRESSION = 0.3  # exponent of the magnitudes that the network sees, as in the complex losses of speech enhancement
TINY = 1e-12  # squared magnitude (-120 dB of a full-scale sine) below which compression turns linear

State = list[Tensor]


class CausalConv2d(nn.Module):
    """Convolution over frequency and over this frame and the ones before; frequency is padded, time never.

    Shape:
        - x: `[B, C_in, frames, F]`, state: `[B, C_in, frame_span - 1, F]`
        - y: `[B, C_out, frames, ceil(F / stride)]`, new state: as state

    >>> y, state = CausalConv2d(2, 4, frame_span=3, bin_span=5, stride=4)(torch.zeros(8, 2, 10, 480))
    >>> list(y.shape), list(state.shape)
    ([8, 4, 10, 120], [8, 2, 2, 480])
    """

    def __init__(self, c_in: int, c_out: int, frame_span: int, bin_span: int, stride: int = 1):
        super().__init__()
        self.context = frame_span - 1
        self.conv = nn.Conv2d(c_in, c_out, (frame_span, bin_span), (1, stride), (0, bin_span // 2))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if state is None:
            state = x.new_zeros(x.shape[0], x.shape[1], self.context, x.shape[3])
        x = torch.cat([state, x], dim=2)
        return self.conv(x), x[:, :, x.shape[2] - self.context :]


class Spectral(nn.Module):
    """Complex masks on `enhanced` and on `noisy` and a residual, all drawn by a U-Net over frequency with a GRU over time.

    Both inputs are taken to DeepFilterNet3's STFT grid and their magnitudes compressed, `z = |X|^0.3 exp(i arg X)`. There
    `restored = enhanced * (1 + m_e) + noisy * m_n + r`, and back. At the start masks and residual are near zero.

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
        self.n_inputs = 2 if condition_on_noisy else 1
        widths = [2 * self.n_inputs, channels, channels * 3 // 2, channels * 2, channels * 8 // 3]
        spans = [2 * stride + 1 for stride in self.strides]
        layers = list(zip(widths[:-1], widths[1:], spans, self.strides, strict=True))
        self.encoder = nn.ModuleList([CausalConv2d(i, o, 2, span, stride) for i, o, span, stride in layers])
        self.skips = nn.ModuleList([nn.Conv2d(width, width, 1) for width in widths[1:]])
        n_deep = widths[-1] * 15
        self.gru = nn.GRU(n_deep, hidden, batch_first=True)
        self.deep = nn.Linear(hidden, n_deep)
        self.decoder = nn.ModuleList([Upsample(o, max(i, channels), stride) for i, o, _, stride in reversed(layers)])
        self.head = nn.Conv2d(channels + widths[0], 2 * self.n_inputs + 2, (1, 3), padding=(0, 1))
        with torch.no_grad():  # start as DeepFilterNet3's output, with a gradient for every parameter all the same
            self.head.weight.mul_(3e-3)
            self.head.bias.zero_()
        self.register_buffer("window", vorbis_window(N_FFT), persistent=False)

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        if inputs.ndim != 3 or inputs.shape[1] != self.n_inputs or inputs.shape[2] % HOP_LENGTH or not inputs.shape[2]:
            raise ValueError(
                f"inputs {tuple(inputs.shape)}, expected [B, {self.n_inputs}, T] with T a multiple of {HOP_LENGTH} samples"
            )
        state = state or [None] * (len(self.encoder) + 3)
        spectra, new_input = self.analysis(inputs, state[0])  # [B, C, frames, 481] complex
        z = compress(spectra)
        parts = torch.cat([z.real, z.imag], dim=1)[..., :-1]  # [B, 2C, frames, 480]; the network leaves 24 kHz alone

        x, skips, contexts = parts, [], []
        for conv, skip, context in zip(self.encoder, self.skips, state[1:-2], strict=True):
            x, context = conv(x, context)
            x = F.silu(x)
            skips.append(skip(x))
            contexts.append(context)

        deep, hidden = self.gru(x.transpose(1, 2).flatten(2), state[-2])  # [B, frames, hidden]
        x = x + self.deep(deep).unflatten(2, (-1, 15)).transpose(1, 2)

        for up in self.decoder:
            x = F.silu(up(x + skips.pop()))
        drawn = F.pad(self.head(torch.cat([x, parts], dim=1)), (0, 1))  # [B, 2C + 2, frames, 481]

        drawn = torch.complex(*drawn.float().chunk(2, dim=1))  # masks of the inputs, then the residual
        masks, residual = drawn[:, : self.n_inputs], drawn[:, self.n_inputs :]
        restored = expand(z[:, :1] + (z * masks).sum(1, keepdim=True) + residual)
        restored, new_output = self.synthesis(restored, state[-1])
        return restored, [new_input, *contexts, hidden, new_output]

    def analysis(self, signals: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """`[B, C, T]` -> spectra `[B, C, T / 480, 481]`, a full-scale sine at magnitude 1, and the last hop."""
        if state is None:
            state = signals.new_zeros(*signals.shape[:2], HOP_LENGTH)
        signals = torch.cat([state, signals], dim=2)
        frames = signals.unfold(2, N_FFT, HOP_LENGTH) * self.window
        return torch.fft.rfft(frames) * (2 / self.window.sum()), signals[..., -HOP_LENGTH:]

    def synthesis(self, spectra: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """The inverse by overlap-add: `[B, 1, frames, 481]` -> `[B, 1, frames * 480]` and the half window to come."""
        frames = torch.fft.irfft(spectra * (self.window.sum() / 2), n=N_FFT) * self.window
        first, second = frames.split(HOP_LENGTH, dim=3)
        if state is None:
            state = torch.zeros_like(second[:, :, 0])
        late = torch.cat([state[:, :, None], second[:, :, :-1]], dim=2)
        return (first + late).flatten(2), second[:, :, -1]


class Upsample(nn.Module):
    """Transposed convolution over frequency: `[B, C_in, frames, F]` -> `[B, C_out, frames, F * stride]`, exactly."""

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__()
        kernel = 2 * stride
        self.conv = nn.ConvTranspose2d(c_in, c_out, (1, kernel), (1, stride), (0, (kernel - stride) // 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


def restore(generator: nn.Module, inputs: Tensor) -> Tensor:
    """Whole signals, aligned: `[B, C, T]` of any `T >= 1` -> `[B, 1, T]` at lag 0 and with the tail that the delay holds."""
    n_samples = inputs.shape[-1]
    total = -(-(n_samples + generator.delay) // generator.hop_length) * generator.hop_length
    restored, _ = generator(F.pad(inputs, (0, total - n_samples)))
    return restored[..., generator.delay : generator.delay + n_samples]


def compress(spectra: Tensor) -> Tensor:
    """Magnitude to the power 0.3, phase kept; linear far below -120 dB so that silence has a gradient.

    >>> [round(float(compress(torch.tensor(1e-3j)).imag), 3), float(compress(torch.tensor(0j)).abs())]
    [0.126, 0.0]
    """
    return spectra * (spectra.real.square() + spectra.imag.square() + TINY).pow((COMPRESSION - 1) / 2)


def expand(compressed: Tensor) -> Tensor:
    """The inverse of `compress` (where that is not linear).

    >>> round(float(expand(compress(torch.tensor(1e-3j))).imag), 6)
    0.001
    """
    power = compressed.real.square() + compressed.imag.square()
    return compressed * power.pow((1 / COMPRESSION - 1) / 2)
