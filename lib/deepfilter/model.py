"""noisy -> enhanced: DeepFilterNet3 from signal to signal, in batches, on any device, frozen.

The whole state goes in and out of each call, so that batches, blocks of long files and single hops
are one function. The signal processing is that of upstream's runtime libDF v0.5.6 (Schröter et
al., "DeepFilterNet: Perceptually Motivated Real-Time Speech Enhancement", 2023). The tests compare
both.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lib.deepfilter import filters
from lib.deepfilter.export import onnx_network
from lib.deepfilter.features import normalised_features
from lib.deepfilter.gates import Estimates, gated_estimates, open_gates
from lib.deepfilter.grid import (
    DELAY,
    HOP_LENGTH,
    LOOK_AHEAD,
    N_BINS,
    N_DF,
    N_FFT,
    ORDER,
    band_matrix,
    vorbis_window,
)
from lib.deepfilter.network import make_network
from lib.deepfilter.running_means import first_means
from lib.deepfilter.settings import DEFAULTS, Settings
from lib.deepfilter.working_level import Level, follow, known_level, unknown_level

# Hops that are worked on at once: a batch's activations then stay in the processor's cache.
BLOCK_HOPS = 50


class State(NamedTuple):
    """What the model remembers. Nothing else of the past matters."""

    last_hop: Tensor  # [B, 480], of noisy
    overlap: Tensor  # [B, 480], to be added to the next hop of enhanced
    means: Tensor  # [B, 32 + 96], of the ERB levels in dB, of the low bins' magnitudes, as heard
    spectra: Tensor  # [B, 4, 481], the last frames of noisy
    network: tuple[Tensor, ...]
    level: Level


@cache
def load(settings: Settings = DEFAULTS, device: str = "cpu") -> "DeepFilter":
    """The frozen model on a device, made once in a process.

    >>> load().delay
    1440
    """
    return DeepFilter(settings).to(device).eval().requires_grad_(False)


class DeepFilter(nn.Module):
    """DeepFilterNet3: `enhanced, gains, lsnr_db, state = model(noisy, state)`.

    It hears every hop. For whole signals, where delay, end and pauses matter, use
    `lib.deepfilter.enhance`; inside a training step use this class on the step's device.

    Shape:
        - noisy: `[B, T]`, `T` a multiple of 480; `state=None` is silence before the signal, whose
          level is that of `noisy` then
        - enhanced: `[B, T]`, `delay` = 1,440 samples late
        - gains: `[B, T / 480, 32]`, lsnr_db: `[B, T / 480]`, of the frames that `enhanced` is made
          of, and as late

    >>> enhanced, gains, lsnr_db, state = load()(torch.zeros(2, 4_800))
    >>> list(enhanced.shape), list(gains.shape), list(lsnr_db.shape)
    ([2, 4800], [2, 10, 32], [2, 10])
    """

    delay = DELAY

    def __init__(self, settings: Settings = DEFAULTS):
        super().__init__()
        self.settings = settings
        self.network = make_network()
        self.register_buffer("window", torch.from_numpy(vorbis_window(N_FFT)))
        self.register_buffer("bands", torch.from_numpy(band_matrix()))
        self.register_buffer("first_means", torch.from_numpy(first_means()))

    @torch.no_grad()
    def forward(
        self, noisy: Tensor, state: State | None = None
    ) -> tuple[Tensor, Tensor, Tensor, State]:
        """See the class.

        Raises:
            ValueError: the length is no multiple of 480.
        """
        if noisy.dim() != 2 or noisy.shape[1] % HOP_LENGTH:
            raise ValueError(
                f"expected noisy [B, T] with T a multiple of {HOP_LENGTH}, got {list(noisy.shape)}"
            )
        hops = noisy.unflatten(1, (-1, HOP_LENGTH))
        if state is None:
            state = self.start(len(noisy))
            state = state._replace(level=known_level(_powers(hops), state.level))

        samples = torch.cat([state.last_hop, noisy], dim=1)  # [B, 480 + T]
        frames = samples.unfold(1, N_FFT, HOP_LENGTH) * self.window  # [B, frames, 960]
        # The forward scale 1 / 960 is upstream's, and the network's levels count on it.
        spectrum = torch.fft.rfft(frames) / N_FFT  # [B, frames, 481]

        # Only the network hears the gain: its estimates are applied to the signal as it is.
        gain_db, level = follow(_powers(hops), state.level)
        factors = torch.from_numpy(10 ** (gain_db / 20)).to(noisy.device)
        heard = spectrum * factors[..., None]
        erb, low, means = normalised_features(heard, state.means, self.bands)
        # Gates need one call of the network a frame; with the defaults one call does for all.
        if self.settings.gated:
            estimates = gated_estimates(self._estimate, erb, low, state.network, self.settings)
        else:
            estimates = self._estimate(erb, low, state.network)
        gains, taps, lsnr_db, network = estimates

        spectra = torch.cat([state.spectra, spectrum], dim=1)  # [B, 4 + frames, 481]
        filtered = self._filter(spectra, gains, taps, lsnr_db)  # [B, frames, 481]

        # This inverse is not scaled, which undoes the forward 1 / 960.
        frames = torch.fft.irfft(filtered, norm="forward") * self.window  # [B, frames, 960]
        overlaps = torch.cat([state.overlap[:, None], frames[:, :, HOP_LENGTH:]], dim=1)
        enhanced = (frames[:, :, :HOP_LENGTH] + overlaps[:, :-1]).flatten(1)  # [B, T]
        last_spectra = spectra[:, -(ORDER - 1) :]
        last_hop = samples[:, -HOP_LENGTH:]
        state = State(last_hop, overlaps[:, -1], means, last_spectra, network, level)
        return enhanced, gains, lsnr_db, state

    def start(self, batch_size: int) -> State:
        """The state before any signal."""
        zeros = self.first_means.new_zeros
        hop = zeros(batch_size, HOP_LENGTH)
        means = self.first_means.repeat(batch_size, 1)
        spectra = zeros(batch_size, ORDER - 1, N_BINS, dtype=torch.complex64)
        network, level = self.network.start(batch_size), unknown_level(batch_size)
        # The runtime hears every signal as it is, as if something loud had come before.
        if self.settings.hold_at_pauses:
            level = level._replace(loudest_db=level.loudest_db + np.inf)
        return State(hop, hop, means, spectra, network, level)

    def rows(self, samples: np.ndarray, state: State | None = None) -> tuple[np.ndarray, State]:
        """The output as rows (see `lib.deepfilter.rows`), in blocks, and the state after it.

        Shape:
            - samples: `[T]` or `[B, T]`, float32; rows: `[T / 480, 513]` or `[B, T / 480, 513]`
        """
        noisy = torch.from_numpy(np.ascontiguousarray(np.atleast_2d(samples)))
        blocks = []
        for block in noisy.split(BLOCK_HOPS * HOP_LENGTH, dim=1):
            enhanced, gains, lsnr_db, state = self(block.to(self.window.device), state)
            hops = enhanced.unflatten(1, (-1, HOP_LENGTH))
            blocks.append(torch.cat([hops, gains, lsnr_db[..., None]], dim=2).cpu().numpy())
        rows = np.concatenate(blocks, axis=1)
        return (rows if samples.ndim == 2 else rows[0]), state

    def _estimate(self, erb: Tensor, low: Tensor, states: tuple[Tensor, ...]) -> Estimates:
        """Gains, complex taps and local SNR, by ONNX Runtime on a CPU and by PyTorch elsewhere."""
        network = onnx_network() if erb.device.type == "cpu" else self.network
        gains, taps, lsnr_db, *states = network(erb, low, *states)
        return gains, torch.view_as_complex(taps.contiguous()), lsnr_db, tuple(states)

    def _filter(self, spectra: Tensor, gains: Tensor, taps: Tensor, lsnr_db: Tensor) -> Tensor:
        """The enhanced spectrum of the frames that the network has looked beyond."""
        # Gains i were estimated when frame i + 4 of `spectra` came in; they are of frame i + 2.
        settings, n_frames = self.settings, gains.shape[1]
        noisy = spectra[:, LOOK_AHEAD : LOOK_AHEAD + n_frames]
        masked = filters.erb_mask(noisy, gains, self.bands)
        low = filters.deep_filter(spectra, taps)
        is_masked, is_filtered = open_gates(lsnr_db, settings)
        # A frame that skips the filter keeps what the mask made of its low bins.
        if settings.gated:
            low = torch.where(is_filtered[..., None], low, masked[..., :N_DF])
        filtered = torch.cat([low, masked[..., N_DF:]], dim=2)
        if settings.post_filter_beta > 0:
            after = filters.post_filter(filtered, noisy, settings.post_filter_beta)
            filtered = torch.where(is_masked[..., None], after, filtered)
        if settings.atten_lim_db < 100:
            filtered = filters.limit_attenuation(filtered, noisy, settings.atten_lim_db)
        return filtered


def _powers(hops: Tensor) -> np.ndarray:
    """Mean power of each hop `[B, n, 480]`: `[B, n]`. The level is followed on the CPU."""
    return hops.square().mean(2).cpu().numpy()
