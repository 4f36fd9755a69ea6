"""Clean or restored? Two families that hear the waveform: folded by periods, and at several rates (HiFi-GAN, 2010.05646).

`scores, features = discriminator(signals)`: one score per item and part of the ensemble (higher: more like clean), and
every layer's activations for feature matching. Small sizes by default: they train on a CPU.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

SLOPE = 0.1  # of the leaky rectifiers, as in HiFi-GAN
PRE_EMPHASIS = 0.95  # speech falls by some 6 dB per octave; flattened, the highs that DeepFilterNet3 dulls are heard


QUIET = 1e-4  # RMS (-77 dBFS) below which a signal is not raised any further


class Discriminators(nn.Module):
    """The ensemble. It hears every signal at the same level: timbre is judged here, loudness is the other losses' matter.

    Args:
        channels: width of the first layer of each part.
        periods: of the multi-period parts, in samples; primes, so that they share few samples.
        n_scales: of the multi-scale part: the full rate, half of it, a quarter, ...

    Shape:
        - signals: `[B, 1, T]`
        - scores: list of `[B]`, one per part; features: list (per part) of lists (per layer) of tensors

    >>> scores, features = Discriminators(4)(torch.zeros(2, 1, 4800))
    >>> len(scores), list(scores[0].shape), len(features[0])
    (5, [2], 5)
    """

    def __init__(self, channels: int = 12, periods: tuple[int, ...] = (2, 3, 5), n_scales: int = 2):
        super().__init__()
        parts = [Period(period, channels) for period in periods] + [Scale(2**k, channels) for k in range(n_scales)]
        self.parts = nn.ModuleList(parts)

    def forward(self, signals: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        signals = signals - PRE_EMPHASIS * F.pad(signals, (1, 0))[..., :-1]
        rms = signals.square().mean(dim=2, keepdim=True).sqrt()
        signals = signals / rms.clamp(min=QUIET)
        features = [part(signals) for part in self.parts]
        return [maps[-1].flatten(1).mean(1) for maps in features], features


class Period(nn.Module):
    """Every `period`-th sample in a row: `[B, 1, T]` -> activations of each layer, the last one the score map."""

    def __init__(self, period: int, channels: int):
        super().__init__()
        self.period = period
        widths = [1, channels, 2 * channels, 4 * channels, 4 * channels]
        layers = [nn.Conv2d(i, o, (5, 1), (3, 1), (2, 0)) for i, o in pairwise(widths)]
        self.layers = nn.ModuleList([_prepared(conv) for conv in [*layers, nn.Conv2d(widths[-1], 1, (3, 1))]])

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


def score(scores: list[Tensor]) -> Tensor:
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
