"""Gains of single bins: what `bands` gives to a band, refined where harmonics are resolved.

DeepFilterNet3 empties single bins between ones that it keeps. Causal convolutions over bins and
frames hear both signals there, and what the GRUs over band levels know.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.grid import N_BINS, N_ERB
from lib.models.bands import FLOOR, N_FINE, Bands
from lib.models.causal import CausalConv2d, State

SIZES = {"base": (16, 256)}  # channels of the convolutions, units of the GRUs
MAX_GAIN_DB = 12.0  # of a bin, up or down, as learned
DILATIONS = (1, 2, 4)  # of the layers, over frames and over bins
BAND_SHARE = 0.4  # of the gains of bands that is applied in use


class Bins(Bands):
    """`enhanced` times one gain for each bin and frame.

    The network learns gains of at most 12 dB up or down. In use a bin may get up to 19 dB: where
    its own gain and that of its band have opposite signs.

    The gain of its band comes from GRUs as in `Bands`. Up to 12 kHz convolutions over bins add to
    it; they span nine frames and 21 bins. Above that the ear hears bands.

    In use, differences within a band count whole, and the gain of the band 0.4 times: it lifts what
    is left of the noise together with speech. The number was chosen by judges on voices that a
    training had not heard.

    Args: those of `Bands`; `channels` are those of the convolutions, too.
        learning: the gains of bands count whole. The network that learns would make up for less.

    Shape: as `Bands`.
    """

    max_gain_db = MAX_GAIN_DB

    def __init__(
        self,
        channels: int = 16,
        condition_on_noisy: bool = True,
        hidden: int = 256,
        gate_pauses: bool = True,
        learning: bool = False,
    ):
        super().__init__(channels, condition_on_noisy, hidden, gate_pauses)
        self.arguments = (*self.arguments, learning)
        self.learning = learning
        self.context = nn.Linear(2 * hidden, N_ERB * channels)
        # Of both signals the levels, and how much DeepFilterNet3 took away.
        self.first = CausalConv2d(2 * self.n_inputs - 1, channels, 2, 5)
        self.layers = nn.ModuleList(
            [CausalConv2d(channels, channels, 2, 3, dilation=dilation) for dilation in DILATIONS]
        )
        self.detail = nn.Conv2d(channels, 1, (1, 3), padding=(0, 1))
        with torch.no_grad():
            self.detail.weight.mul_(5e-2)
            self.detail.bias.zero_()

    def outputs(
        self, heard: Tensor, fine: Tensor, others: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """See `Bands.outputs`; the further state is what the convolutions heard last."""
        of_bands, _ = super().outputs(heard, fine, [])
        per_band = self.context(heard).unflatten(2, (-1, N_ERB))  # [B, frames, channels, 32]
        per_bin = per_band.transpose(1, 2) @ self.bands[:N_FINE].T.to(per_band.dtype)
        x = fine
        if self.n_inputs == 2:
            x = torch.cat([fine, fine[:, 1:] - fine[:, :1]], dim=1)
        x, context = self.first(x, others[0])
        x = x + per_bin
        contexts = [context]
        for layer, state in zip(self.layers, others[1:], strict=True):
            y, context = layer(F.silu(x), state.to(x.dtype))
            x = x + y
            contexts.append(context)
        detail = self.detail(F.silu(x)).float()  # [B, 1, frames, 240]
        return of_bands + F.pad(detail, (0, N_BINS - N_FINE)), contexts

    def in_use(self, gains_db: Tensor, power: Tensor) -> Tensor:
        """Milder between bands, unless the network is learning."""
        if self.learning:
            return gains_db
        return gains_db - (1 - BAND_SHARE) * self._of_bands(gains_db, power)

    def _of_bands(self, gains_db: Tensor, power: Tensor) -> Tensor:
        """By how much gains change the level of each bin's band, in dB."""
        after = (power * torch.exp(gains_db * (math.log(10) / 10))) @ self.bands
        change = 10 * torch.log10((after + FLOOR) / (power @ self.bands + FLOOR))
        return change @ self.bands.T

    @property
    def last_layer(self) -> Tensor:
        """The weights of the last layer, at which a training weighs its gradients."""
        return self.detail.weight

    def start(self, batch_size: int) -> State:
        """The state of silence before the signal: that of `Bands`, then of each convolution."""
        zeros = self.window.new_zeros
        convs = [self.first, *self.layers]
        shapes = [(conv.conv.in_channels, conv.context, N_FINE) for conv in convs]
        return [*super().start(batch_size), *(zeros(batch_size, *shape) for shape in shapes)]
