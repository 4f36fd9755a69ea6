"""DeepFilterNet3 on one or several hops in real arithmetic, as ONNX needs it.

`Frames` is `lib.deepfilter.model` for one signal, with complex numbers as pairs and the DFT by
small matrices. `Active` hears a hop; `Pending` gives what is still to come when a pause begins.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.grid import (
    DELAY,
    DELAY_HOPS,
    HOP_LENGTH,
    LOOK_AHEAD,
    N_BINS,
    N_DF,
    N_ERB,
    N_FFT,
    ORDER,
    band_matrix,
    vorbis_window,
)
from lib.deepfilter.network import make_network
from lib.deepfilter.running_means import NORM_ALPHA, first_means
from lib.inference.chain_level import next_level
from lib.inference.chain_network import NETWORK_STATES, FrameNetwork
from lib.models.dft import dft, inverse_dft

N_PAST = ORDER - 1
FRAME_STATES = {
    "last_hop": (1, HOP_LENGTH),  # the last one that was heard
    "overlap": (1, HOP_LENGTH),
    "means": (1, N_ERB + N_DF),  # above the first values
    "low_spectra": (N_PAST, 2, 2, N_DF),  # low bins of the last frames, as `turned` gives them
    "high_spectra": (LOOK_AHEAD, 2, N_BINS - N_DF),
    **NETWORK_STATES,
}


class Frames(nn.Module):
    """`rows, *states = frames(hops, factors, share, *states)`.

    Shape:
        - hops: `[n, 480]`; factors: `[n, 1]`, with which the network hears each hop
        - share: `[1, 1]`, of noisy in the result, see `filters.limit_attenuation`
        - rows: `[n, 480]`, enhanced, 1,440 samples late; states: as `FRAME_STATES`

    >>> states = [torch.zeros(shape) for shape in FRAME_STATES.values()]
    >>> rows, *states = Frames()(torch.zeros(3, 480), torch.ones(3, 1), torch.zeros(1, 1), *states)
    >>> list(rows.shape)
    [3, 480]
    """

    def __init__(self):
        super().__init__()
        self.network = FrameNetwork(make_network())
        window, bands = map(torch.from_numpy, (vorbis_window(N_FFT), band_matrix()))
        # The forward scale 1 / 960 is upstream's, and the network's levels count on it.
        self.register_buffer("window", window / N_FFT)
        self.register_buffer("window_back", window * N_FFT)
        self.register_buffer("mask", bands[N_DF:].T.contiguous())  # of bins that are not filtered
        self.register_buffer("band_means", bands / bands.sum(0))
        self.register_buffer("first_means", torch.from_numpy(first_means())[None])

    def forward(
        self, hops: Tensor, factors: Tensor, share: Tensor, *states: Tensor
    ) -> tuple[Tensor, ...]:
        """See the class."""
        last_hop, overlap, means, low_spectra, high_spectra, *network = states
        hops = torch.cat([last_hop, hops])
        frames = torch.cat([hops[:-1], hops[1:]], dim=1) * self.window  # [n, 960]
        spectrum = torch.stack(dft(frames), dim=1)  # [n, 2, 481]
        erb, low, means = self.features(spectrum * factors[:, None], means)
        gains, taps, *network = self.network(erb, low, *network)

        low, high = spectrum.split([N_DF, N_BINS - N_DF], dim=2)
        low_spectra = torch.cat([low_spectra, self.turned(low)])  # [4 + n, 2, 2, 96]
        high_spectra = torch.cat([high_spectra, high])  # [2 + n, 2, 385]
        # The network has looked two frames beyond the one that it filters.
        filtered = torch.cat(
            [
                deep_filter(low_spectra, taps, share),
                high_spectra[:-LOOK_AHEAD] * (share + (1 - share) * (gains @ self.mask))[:, None],
            ],
            dim=2,
        )  # [n, 2, 481]

        frames = inverse_dft(filtered[:, 0], filtered[:, 1]) * self.window_back  # [n, 960]
        first, second = frames.split(HOP_LENGTH, dim=1)
        rows = first + torch.cat([overlap, second[:-1]])
        past = low_spectra[-N_PAST:], high_spectra[-LOOK_AHEAD:]
        return rows, hops[-1:], second[-1:], means, *past, *network

    def turned(self, low: Tensor) -> Tensor:
        """Of a bin a + ib the rows (a, -b) and (b, a), by which taps (c, d) give the product.

        Shape:
            - low: `[n, 2, 96]`; result: `[n, 2, 2, 96]`
        """
        real, imag = low.split(1, dim=1)
        return torch.cat([real, -imag, imag, real], dim=1).reshape(-1, 2, 2, N_DF)

    def features(self, heard: Tensor, means: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `lib.deepfilter.features`; here `means` are above their first values."""
        power = heard.square().sum(1)  # [n, 481]
        level_db = torch.log(power @ self.band_means + 1e-10) * (10 / math.log(10))  # [n, 32]
        now = torch.cat([level_db, power[:, :N_DF].sqrt()], dim=1) - self.first_means  # [n, 128]
        history = []
        for frame in now.split(1):
            means = frame + (means - frame) * NORM_ALPHA
            history.append(means)
        all_means = torch.cat(history)
        erb = (now - all_means)[:, :N_ERB] / 40
        magnitudes = (all_means + self.first_means)[:, N_ERB:]
        low = heard[..., :N_DF] / magnitudes.sqrt()[:, None]  # [n, 2, 96]
        return erb, low, means


def deep_filter(spectra: Tensor, taps: Tensor, share: Tensor) -> Tensor:
    """The low bins as a sum of five frames, each times its tap, and a share of noisy in them.

    Shape:
        - spectra: `[4 + n, 2, 2, 96]`, see `Frames.turned`; taps: `[n, 5, 2, 96]`
        - filtered: `[n, 2, 96]`
    """
    n_frames = taps.shape[0]
    # The share of noisy is a tap, too.
    noisy = F.pad(share, (0, 1, LOOK_AHEAD, ORDER - 1 - LOOK_AHEAD))  # [5, 2]
    taps = taps * (1 - share) + noisy[:, :, None]
    heard = torch.stack([spectra[i : i + ORDER] for i in range(n_frames)])  # [n, 5, 2, 2, 96]
    return (heard * taps[:, :, None]).sum((1, 3))


class Active(nn.Module):
    """A hop that is no pause: the row that it makes known, in the first of three places."""

    def __init__(self, frames: Frames):
        super().__init__()
        self.frames = frames

    def forward(
        self, hop: Tensor, factor: Tensor, share: Tensor, *states: Tensor
    ) -> tuple[Tensor, ...]:
        """Rows `[3, 480]` and the new states."""
        row, *states = self.frames(hop, factor, share, *states)
        return F.pad(row, (0, 0, 0, DELAY_HOPS - 1)), *states


class Pending(nn.Module):
    """The last three hops at the beginning of a pause: the signal as if it ended there.

    The network hears the last three hops backwards; what it remembers of them is dropped.
    """

    def __init__(self, frames: Frames):
        super().__init__()
        self.frames = frames

    def forward(
        self,
        past: Tensor,
        share: Tensor,
        loudest_after: Tensor,
        known_after: Tensor,
        *states: Tensor,
    ) -> Tensor:
        """Rows `[3, 480]`.

        Args:
            past: `[1, n]`, the last samples before the pause.
            share: see `Frames`.
            loudest_after, known_after: states of the level behind the hop with which the pause
                begins.
            states: `LEVEL_STATES` before this hop, then `FRAME_STATES`.
        """
        powers, age, loudest, known, *states = states
        # If this hop ended the first half second, what it told counts from now on.
        loudest = torch.where(known_after > known, loudest_after, loudest)
        level = (powers, age, loudest, known_after)
        hops = past[:, -DELAY:].flip(1).reshape(DELAY_HOPS, HOP_LENGTH)
        factors = []
        for power in hops.square().mean(1, keepdim=True).split(1):
            factor, level = next_level(power, level)
            factors.append(factor)
        rows, *_ = self.frames(hops, torch.cat(factors), share, *states)
        return rows
