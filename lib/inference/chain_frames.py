"""DeepFilterNet3 on one or several hops in real arithmetic, as ONNX needs it.

`Frames` is `lib.deepfilter.model` for one signal, with complex numbers as pairs and the DFT by
small matrices. `Active` hears a hop; `Pending` gives what is still to come when a pause begins.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.deepfilter.features import NORM_ALPHA, first_means
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
from lib.deepfilter.network import STATES, Network, make_network
from lib.inference.chain_level import next_level
from lib.models.dft import dft, inverse_dft

N_PAST = ORDER - 1
# On the device `meta` tensors are shapes alone.
with torch.device("meta"):
    _OF_NETWORK = [tuple(state.shape) for state in Network().start(1)]
FRAME_STATES = {
    "last_hop": (1, HOP_LENGTH),  # the last one that was heard
    "overlap": (1, HOP_LENGTH),
    "means": (1, N_ERB + N_DF),  # above the first values
    "spectra": (N_PAST, 2, N_BINS),
    **dict(zip(STATES, _OF_NETWORK, strict=True)),
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
        self.network = make_network()
        window, bands = vorbis_window(N_FFT), band_matrix()
        # The forward scale 1 / 960 is upstream's, and the network's levels count on it.
        self.register_buffer("window", window / N_FFT)
        self.register_buffer("window_back", window * N_FFT)
        self.register_buffer("bands", bands)
        self.register_buffer("band_means", bands / bands.sum(0))
        self.register_buffer("first_means", first_means()[None])

    def forward(
        self, hops: Tensor, factors: Tensor, share: Tensor, *states: Tensor
    ) -> tuple[Tensor, ...]:
        """See the class."""
        last_hop, overlap, means, spectra, *network = states
        n_frames = hops.shape[0]
        hops = torch.cat([last_hop, hops])
        frames = torch.cat([hops[:-1], hops[1:]], dim=1) * self.window  # [n, 960]
        spectrum = torch.stack(dft(frames), dim=1)  # [n, 2, 481]

        erb, low, means = self.features(spectrum * factors[:, None], means)
        gains, taps, _, *network = self.network(erb, low, *network)

        spectra = torch.cat([spectra, spectrum])  # [4 + n, 2, 481]
        noisy = spectra[LOOK_AHEAD : LOOK_AHEAD + n_frames]
        mask = (gains[0] @ self.bands[N_DF:].T)[:, None]  # of the bins that are not filtered
        low = deep_filter(spectra[..., :N_DF], taps[0])
        filtered = torch.cat([low, noisy[..., N_DF:] * mask], dim=2)  # [n, 2, 481]
        filtered = filtered + (noisy - filtered) * share

        frames = inverse_dft(filtered[:, 0], filtered[:, 1]) * self.window_back  # [n, 960]
        first, second = frames.split(HOP_LENGTH, dim=1)
        rows = first + torch.cat([overlap, second[:-1]])
        return rows, hops[-1:], second[-1:], means, spectra[-N_PAST:], *network

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
        return erb[None], low.transpose(0, 1)[None], means


def deep_filter(spectra: Tensor, taps: Tensor) -> Tensor:
    """`filters.deep_filter` of pairs: `[4 + n, 2, 96]`, taps `[n, 96, 5, 2]` -> `[n, 2, 96]`."""
    n_frames = taps.shape[0]
    heard = torch.stack([spectra[i : i + ORDER] for i in range(n_frames)])  # [n, 5, 2, 96]
    taps = taps.permute(0, 2, 3, 1)  # [n, 5, 2, 96]
    by_real = (heard * taps[:, :, :1]).sum(1)  # [n, 2, 96]
    by_imag = (heard * taps[:, :, 1:]).sum(1)
    return by_real + torch.cat([-by_imag[:, 1:], by_imag[:, :1]], dim=1)


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
        normal_after: Tensor,
        *states: Tensor,
    ) -> Tensor:
        """Rows `[3, 480]`.

        Args:
            past: `[1, n]`, the last samples before the pause.
            share: see `Frames`.
            loudest_after, known_after, normal_after: states of the level behind the hop with which
                the pause begins.
            states: `LEVEL_STATES` before this hop, then `FRAME_STATES`.
        """
        powers, age, loudest, known, _, *states = states
        # If this hop ended the first half second, what it told counts from now on.
        loudest = torch.where(known_after > known, loudest_after, loudest)
        level = (powers, age, loudest, known_after, normal_after)
        hops = past[:, -DELAY:].flip(1).reshape(DELAY_HOPS, HOP_LENGTH)
        factors = []
        for power in hops.square().mean(1, keepdim=True).split(1):
            factor, level = next_level(power, level)
            factors.append(factor)
        rows, *_ = self.frames(hops, torch.cat(factors), share, *states)
        return rows
