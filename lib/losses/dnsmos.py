"""DNSMOS P.835 as a loss: a network that learned from listeners rates restored, or compares it.

So DNSMOS P.835 is no witness for a training with one of these losses. The jury is: none of its
judges is this network.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.deepfilter.grid import SAMPLE_RATE
from lib.metrics.dnsmos_network import MIN_LENGTH, MODEL_RATE, dnsmos_network

HIGHEST_RATING = 5.0
PEAK = 0.5  # of what is compared: the network knows recordings of a usual level
MIN_PEAK = 1e-2  # a signal below it is not raised any further


def dnsmos_loss(restored: Tensor, n_samples: Tensor, dtype: torch.dtype) -> Tensor:
    """What the mean of the three ratings lacks to 5 points: `[B]`. Shapes as in `Dnsmos`.

    Args:
        dtype: of the convolutions.
    """
    network = dnsmos_network(str(restored.device))
    return HIGHEST_RATING - network(restored, n_samples, dtype).mean(1)


def dnsmos_feature_distance(
    restored: Tensor, clean: Tensor, n_samples: Tensor, dtype: torch.dtype
) -> Tensor:
    """How far the network's activations for restored lie from those for clean: `[B]`.

    Of each layer it is the mean absolute difference beside the mean of clean's; the layers count
    alike. A rating can be pleased by what nobody said; this cannot (compare the features of WavLM
    in FINALLY, arXiv 2410.05920).

    Args:
        dtype: of the convolutions.

    Shape:
        - restored, clean: `[B, 1, T]` at 48 kHz, at least 90 ms; n_samples: `[B]` true lengths
    """
    # Imported here, since torchaudio takes a second and only this network needs it.
    from torchaudio.functional import resample

    network = dnsmos_network(str(restored.device))
    scale = PEAK / clean.abs().amax(2, keepdim=True).clamp(min=MIN_PEAK)  # [B, 1, 1]
    heard = [resample(x[:, 0] * scale[:, 0], SAMPLE_RATE, MODEL_RATE) for x in (restored, clean)]
    lengths = (n_samples * MODEL_RATE // SAMPLE_RATE).clamp(min=MIN_LENGTH)
    distances = scale.new_empty(len(scale))
    # Frames behind the end would count, too: each length goes in by itself.
    for length in lengths.unique().tolist():
        has_length = lengths == length
        parts = [F.pad(x[has_length], (0, MIN_LENGTH))[:, :length] for x in heard]
        activations = network.features(parts[0], dtype)
        with torch.no_grad():
            expected = network.features(parts[1], dtype)
        layers = [
            (a.float() - b.float()).abs().mean((1, 2, 3)) / (b.float().mean((1, 2, 3)) + 1e-6)
            for a, b in zip(activations, expected, strict=True)
        ]
        distances[has_length] = torch.stack(layers).mean(0)
    return distances
