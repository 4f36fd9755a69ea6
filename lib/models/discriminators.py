"""Clean or restored? Families that hear the waveform folded by periods, at several rates (HiFi-GAN, 2010.05646), or its spectra
at several resolutions (UnivNet, 2106.07889).

`scores, features = discriminator(signals)`: one score per item and part of the ensemble (higher: more like clean), and
every layer's activations for feature matching. Small sizes by default: they train on a CPU.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

SLOPE = 0.1  # of the leaky rectifiers, as in HiFi-GAN
PRE_EMPHASIS = 0.95  # speech falls by some 6 dB per octave; flattened, the highs that DeepFilterNet3 dulls are heard
MIN_RMS = 1e-4  # RMS (-77 dBFS) below which a signal is not raised any further


class Discriminators(nn.Module):
    """The ensemble. It hears every signal at the same level: timbre is judged here, loudness is the other losses' matter.

    Args:
        kinds: which families: period, scale, stft.
        size: cpu (channels 12, three periods, two scales, two resolutions) or gpu (32; five, three, three).
        channels: width of the first layer of each part, if it is to be another than the size's.

    Shape:
        - signals: `[B, 1, T]`
        - scores: list of `[B]`, one per part; features: list (per part) of lists (per layer) of tensors

    >>> scores, features = Discriminators(("period", "scale", "stft"), channels=4)(torch.zeros(2, 1, 4800))
    >>> len(scores), list(scores[0].shape), len(features[0])
    (7, [2], 5)
    """

    def __init__(
        self, kinds: Sequence[str] = ("period", "scale"), size: str = "cpu", channels: int = 0
    ):
        super().__init__()
        if unknown := set(kinds) - set(KINDS):
            raise KeyError(f"no discriminator {sorted(unknown)}: there are {', '.join(KINDS)}")
        width, n_parts = SIZES[size]
        parts = [
            KINDS[kind](given, channels or width)
            for kind in kinds
            for given in PARTS[kind][: n_parts[kind]]
        ]
        self.parts = nn.ModuleList(parts)

    def forward(self, signals: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        signals = signals - PRE_EMPHASIS * F.pad(signals, (1, 0))[..., :-1]
        rms = signals.square().mean(dim=2, keepdim=True).sqrt()
        signals = signals / rms.clamp(min=MIN_RMS)
        features = [part(signals) for part in self.parts]
        return [maps[-1].flatten(1).mean(1, dtype=torch.float32) for maps in features], features


class Period(nn.Module):
    """Every `period`-th sample in a row: `[B, 1, T]` -> activations of each layer, the last one the score map."""

    def __init__(self, period: int, channels: int):
        super().__init__()
        self.period = period
        widths = [1, channels, 2 * channels, 4 * channels, 4 * channels]
        layers = [nn.Conv2d(i, o, (5, 1), (3, 1), (2, 0)) for i, o in pairwise(widths)]
        self.layers = nn.ModuleList(
            [_prepared(conv) for conv in [*layers, nn.Conv2d(widths[-1], 1, (3, 1))]]
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        x = F.pad(x, (0, -x.shape[-1] % self.period)).unflatten(2, (-1, self.period))
        return _activations(self.layers, x)


class Scale(nn.Module):
    """The waveform at 1 / `factor` of its rate: `[B, 1, T]` -> activations of each layer, the last one the score map."""

    def __init__(self, factor: int, channels: int):
        super().__init__()
        self.factor = factor
        layers = [
            nn.Conv1d(1, channels, 15, 2, 7),
            nn.Conv1d(channels, 2 * channels, 21, 4, 10, groups=channels // 2),
            nn.Conv1d(2 * channels, 4 * channels, 21, 4, 10, groups=channels // 2),
            nn.Conv1d(4 * channels, 4 * channels, 5, 1, 2),
            nn.Conv1d(4 * channels, 1, 3, 1, 1),
        ]
        self.layers = nn.ModuleList([_prepared(conv) for conv in layers])

    def forward(self, x: Tensor) -> list[Tensor]:
        return _activations(self.layers, F.avg_pool1d(x, self.factor) if self.factor > 1 else x)


class Resolution(nn.Module):
    """Magnitudes to the power 0.3, windows of `n_fft`: `[B, 1, T]` -> activations of each layer, the last one the score map."""

    def __init__(self, n_fft: int, channels: int):
        super().__init__()
        self.n_fft = n_fft
        layers = [
            nn.Conv2d(i, o, (9, 3), (4, 1), (4, 1))
            for i, o in pairwise([1, channels, 2 * channels, 2 * channels])
        ]
        layers += [
            nn.Conv2d(2 * channels, 2 * channels, 3, 1, 1),
            nn.Conv2d(2 * channels, 1, 3, 1, 1),
        ]
        self.layers = nn.ModuleList([_prepared(conv) for conv in layers])
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """See the class."""
        hop, half = self.n_fft // 4, self.n_fft // 2
        with torch.autocast(x.device.type, enabled=False):
            padded = F.pad(
                x.float(), (half, half)
            )  # torch's own padding wants signals longer than a window
            z = torch.stft(
                padded[:, 0], self.n_fft, hop, window=self.window, center=False, return_complex=True
            )
            power = (z.real.square() + z.imag.square()) * (2 / self.window.sum()) ** 2
            level = (power + 1e-9).pow(0.15)
        return _activations(self.layers, level[:, None])


KINDS = {"period": Period, "scale": Scale, "stft": Resolution}
PARTS = {
    "period": (2, 3, 5, 7, 11),
    "scale": (1, 2, 4),
    "stft": (1024, 512, 2048),
}  # primes share few samples
SIZES = {
    "cpu": (12, {"period": 3, "scale": 2, "stft": 2}),
    "gpu": (32, {"period": 5, "scale": 3, "stft": 3}),
}


def score_pair(
    discriminators: nn.Module, clean: Tensor, restored: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Scores of clean and of restored, heard as one batch, which takes less time than two.

    >>> clean, restored = score_pair(Discriminators(channels=4), torch.zeros(2, 1, 4800), torch.ones(2, 1, 4800))
    >>> len(clean), list(clean[0].shape)
    (5, [2])
    """
    scores, _ = discriminators(torch.cat([clean, restored]))
    return [part[: len(clean)] for part in scores], [part[len(clean) :] for part in scores]


def mean_score(scores: list[Tensor]) -> Tensor:
    """One number per item `[B]`, the mean over the ensemble: 1 is what clean is trained towards, 0 what restored is."""
    return torch.stack(scores).mean(0)


def _prepared(conv: nn.Module) -> nn.Module:
    """Weights at a size that keeps the variance from layer to layer; PyTorch's own lets the signal fade away in five."""
    nn.init.kaiming_normal_(conv.weight, a=SLOPE)
    nn.init.zeros_(conv.bias)
    return weight_norm(conv)


def _activations(layers: nn.ModuleList, x: Tensor) -> list[Tensor]:
    maps = []
    for layer in layers[:-1]:
        x = F.leaky_relu(layer(x), SLOPE)
        maps.append(x)
    return [*maps, layers[-1](x)]
