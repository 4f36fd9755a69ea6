"""noisy -> enhanced: DeepFilterNet3 in batches, on any device, frozen and identified.

The whole state goes in and out of each call, so that batches, blocks of long files and single hops are one function. Signal
processing as in upstream's runtime libDF v0.5.6 (Schröter et al., "DeepFilterNet: Perceptually Motivated Real-Time Speech
Enhancement", 2023), which the tests compare it with.
"""

import math
from functools import cache
from importlib import metadata
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lib.deepfilter.grid import HOP_LENGTH, N_BINS, N_FFT, erb_widths, vorbis_window
from lib.deepfilter.network import (
    LSNR_MAX,
    LSNR_MIN,
    N_DF,
    N_ERB,
    ORDER,
    in_onnx_runtime,
    make_network,
)
from lib.deepfilter.weights import WEIGHTS_FROM, WEIGHTS_SHA256, weights_archive

ENGINE = "retimbre 1"  # to be raised whenever the same input gives another output
LOOK_AHEAD = 2  # frames
DELAY_HOPS = 3  # hops from input to output: the look-ahead and the overlap
DELAY = DELAY_HOPS * HOP_LENGTH
NORM_ALPHA = 0.99  # of the running means, one second
BLOCK_HOPS = (
    50  # hops that are worked on at once: activations of a batch then stay in the processor's cache
)


class Settings(NamedTuple):
    """What the runtime lets its users choose; the defaults are the runtime's.

    The local SNR lies between -15 and 35 dB, so that with the default thresholds every frame is worked on by both stages.
    """

    atten_lim_db: float = (
        100.0  # noise is attenuated by at most this; 100 and more: no limit, 0: nothing is done
    )
    post_filter_beta: float = 0.0  # 0: off; 0.02 is upstream's choice
    min_db_thresh: float = -15.0  # a frame with a lower local SNR is silenced
    max_db_erb_thresh: float = 35.0  # one with a higher local SNR is left as it is
    max_db_df_thresh: float = 35.0  # one with a higher local SNR gets the ERB mask alone
    hold_at_pauses: bool = (
        False  # True: as the runtime, let the last 30 ms before a pause out behind it; see Stream
    )

    @property
    def gated(self) -> bool:
        """Whether a frame may meet a threshold."""
        return (
            self.min_db_thresh > LSNR_MIN
            or min(self.max_db_erb_thresh, self.max_db_df_thresh) < LSNR_MAX
        )


DEFAULTS = Settings()


class State(NamedTuple):
    """What the module remembers; nothing else of the past matters."""

    last_hop: Tensor  # [B, 480], heard
    overlap: Tensor  # [B, 480], to be added to the next hop
    means: Tensor  # [B, 32 + 96]: of the ERB levels in dB, of the low bins' magnitudes
    spectra: Tensor  # [B, 4, 481], the last frames of noisy
    network: tuple[Tensor, ...]


@cache
def load(settings: Settings = DEFAULTS, device: str = "cpu") -> "DeepFilter":
    """The frozen module on a device, made once in a process.

    >>> load().delay
    1440
    """
    return DeepFilter(settings).to(device).eval().requires_grad_(False)


def identity(settings: Settings = DEFAULTS, device: str = "cpu") -> dict[str, str]:
    """Engine, hash of the weights, settings and device: part of every manifest row, since the output follows from them.

    Raises `RuntimeError` if the installed weights are not the official ones.

    >>> sorted(identity())
    ['df_device', 'df_engine', 'df_settings', 'df_weights_sha256']
    """
    weights_archive()
    chosen = " ".join(f"{name}={value:g}" for name, value in settings._asdict().items())
    version = f"{ENGINE}, weights of {WEIGHTS_FROM} {metadata.version(WEIGHTS_FROM)}"
    return {
        "df_engine": version,
        "df_weights_sha256": WEIGHTS_SHA256,
        "df_settings": chosen,
        "df_device": device,
    }


class DeepFilter(nn.Module):
    """DeepFilterNet3 from signal to signal: `enhanced, gains, lsnr_db, state = model(noisy, state)`.

    Hears every hop. For whole signals (delay, end, pauses) use `enhance`; inside a training step, this on the step's device.

    Shape:
        - noisy: `[B, T]`, `T` a multiple of 480; `state=None` is silence before the signal
        - enhanced: `[B, T]`, `delay` = 1,440 samples late
        - gains: `[B, T / 480, 32]`, lsnr_db: `[B, T / 480]`, as late: of the frames that `enhanced` is made of

    >>> enhanced, gains, lsnr_db, state = load()(torch.zeros(2, 4_800))
    >>> list(enhanced.shape), list(gains.shape), list(lsnr_db.shape)
    ([2, 4800], [2, 10, 32], [2, 10])
    """

    delay = DELAY
    row = HOP_LENGTH + N_ERB + 1  # of `rows`: a hop of signal, gains, local SNR

    def __init__(self, settings: Settings = DEFAULTS):
        super().__init__()
        self.settings = settings
        self.network = make_network()
        bands = torch.zeros(N_BINS, N_ERB)
        bands[
            torch.arange(N_BINS),
            torch.repeat_interleave(torch.arange(N_ERB), torch.tensor(erb_widths())),
        ] = 1.0
        start = torch.cat(
            [torch.linspace(-60.0, -90.0, N_ERB), torch.linspace(0.001, 0.0001, N_DF)]
        )
        self.register_buffer("window", vorbis_window(N_FFT))
        self.register_buffer("bands", bands)
        self.register_buffer("first_means", start)

    @torch.no_grad()
    def forward(
        self, noisy: Tensor, state: State | None = None
    ) -> tuple[Tensor, Tensor, Tensor, State]:
        """See the class. Raises `ValueError` if the length is no multiple of 480."""
        if noisy.dim() != 2 or noisy.shape[1] % HOP_LENGTH:
            raise ValueError(
                f"expected noisy [B, T] with T a multiple of {HOP_LENGTH}, got {list(noisy.shape)}"
            )
        state = state or self.start(len(noisy))
        heard = torch.cat([state.last_hop, noisy], dim=1)
        spectrum = torch.fft.rfft(heard.unfold(1, N_FFT, HOP_LENGTH) * self.window) / N_FFT
        erb, low, means = self._features(spectrum, state.means)
        work = self._gated if self.settings.gated else self._run
        gains, taps, lsnr_db, network = work(erb, low, state.network)

        n_frames = spectrum.shape[1]
        spectra = torch.cat([state.spectra, spectrum], dim=1)
        unfiltered = spectra[
            :, LOOK_AHEAD : LOOK_AHEAD + n_frames
        ]  # the frame that the network speaks of now
        filtered = unfiltered * (gains @ self.bands.T)
        deep = sum(spectra[:, k : k + n_frames, :N_DF] * taps[..., k] for k in range(ORDER))
        use_gains, use_taps = self._stages(lsnr_db)
        if self.settings.gated:
            deep = torch.where(use_taps[..., None], deep, filtered[..., :N_DF])
        filtered = torch.cat([deep, filtered[..., N_DF:]], dim=2)
        if self.settings.post_filter_beta > 0:
            after = filtered * self._post_filter(unfiltered, filtered)
            filtered = torch.where(use_gains[..., None], after, filtered)
        if self.settings.atten_lim_db < 100:
            keep = 10 ** (-abs(self.settings.atten_lim_db) / 20)
            filtered = filtered * (1 - keep) + unfiltered * keep

        frames = torch.fft.irfft(filtered, norm="forward") * self.window
        overlaps = torch.cat([state.overlap[:, None], frames[:, :, HOP_LENGTH:]], dim=1)
        enhanced = (frames[:, :, :HOP_LENGTH] + overlaps[:, :-1]).flatten(1)
        after = State(
            heard[:, -HOP_LENGTH:], overlaps[:, -1], means, spectra[:, -(ORDER - 1) :], network
        )
        return enhanced, gains, lsnr_db, after

    def start(self, batch_size: int) -> State:
        """The state before any signal."""
        zeros = self.first_means.new_zeros
        spectra = torch.zeros(
            batch_size, ORDER - 1, N_BINS, dtype=torch.complex64, device=self.window.device
        )
        hop, means = zeros(batch_size, HOP_LENGTH), self.first_means.repeat(batch_size, 1)
        return State(hop, hop, means, spectra, self.network.start(batch_size))

    def rows(self, hops: np.ndarray, state: State | None = None) -> tuple[np.ndarray, State]:
        """`[B, T]` or `[T]` -> `[B, T / 480, 513]` or `[T / 480, 513]` (a hop of signal, gains, local SNR), in blocks."""
        noisy, rows = torch.from_numpy(np.ascontiguousarray(np.atleast_2d(hops))), []
        for block in noisy.split(BLOCK_HOPS * HOP_LENGTH, dim=1):
            enhanced, gains, lsnr_db, state = self(block.to(self.window.device), state)
            hop = enhanced.unflatten(1, (-1, HOP_LENGTH))
            rows.append(torch.cat([hop, gains, lsnr_db[..., None]], dim=2).cpu().numpy())
        rows = np.concatenate(rows, axis=1)
        return (rows if hops.ndim == 2 else rows[0]), state

    def silence(self, n_hops: int) -> np.ndarray:
        """Rows of hops that are muted."""
        rows = np.zeros((n_hops, self.row), np.float32)
        rows[:, -1] = LSNR_MIN
        return rows

    def _features(self, spectrum: Tensor, means: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """ERB levels and low bins, normalised by their running means: `[B, T, 32]`, `[B, 2, T, 96]`, new means."""
        power = spectrum.real.square() + spectrum.imag.square()
        level_db = 10 * torch.log10(power @ (self.bands / self.bands.sum(0)) + 1e-10)
        low = spectrum[..., :N_DF]
        history = []
        for now in torch.cat([level_db, low.abs()], dim=2).unbind(1):
            means = torch.lerp(now, means, NORM_ALPHA)
            history.append(means)
        history = torch.stack(history, dim=1)
        low = torch.view_as_real(low / history[..., N_ERB:].sqrt())
        return (level_db - history[..., :N_ERB]) / 40, low.permute(0, 3, 1, 2), means

    def _run(self, erb: Tensor, low: Tensor, state: tuple) -> tuple[Tensor, Tensor, Tensor, tuple]:
        run = in_onnx_runtime() if erb.device.type == "cpu" else self.network
        gains, taps, lsnr_db, *state = run(erb, low, *state)
        return gains, torch.view_as_complex(taps.contiguous()), lsnr_db, tuple(state)

    def _gated(
        self, erb: Tensor, low: Tensor, state: tuple
    ) -> tuple[Tensor, Tensor, Tensor, tuple]:
        """Frame by frame: in the runtime a decoder that a threshold leaves out keeps its state."""
        done = []
        for i in range(erb.shape[1]):
            gains, taps, lsnr_db, after = self._run(erb[:, i : i + 1], low[:, :, i : i + 1], state)
            use_gains, use_taps = self._stages(lsnr_db)
            advance = (
                [True] * 3 + [use_gains] + [use_taps] * 2
            )  # encoder, ERB decoder, deep-filter decoder
            state = tuple(
                new
                if keep is True
                else torch.where(keep.view(-1, *[1] * (new.dim() - 1)), new, old)
                for keep, new, old in zip(advance, after, state, strict=True)
            )
            silenced = lsnr_db < self.settings.min_db_thresh
            gains = torch.where(use_gains[..., None], gains, (~silenced).to(gains)[..., None])
            done.append((gains, taps, lsnr_db))
        gains, taps, lsnr_db = (torch.cat(parts, dim=1) for parts in zip(*done, strict=True))
        return gains, taps, lsnr_db, state

    def _stages(self, lsnr_db: Tensor) -> tuple[Tensor, Tensor]:
        """Which frames get the ERB mask, and which of these the deep filter, too."""
        gains = (lsnr_db >= self.settings.min_db_thresh) & (
            lsnr_db <= self.settings.max_db_erb_thresh
        )
        return gains, gains & (lsnr_db <= self.settings.max_db_df_thresh)

    def _post_filter(self, noisy: Tensor, filtered: Tensor) -> Tensor:
        """Valin et al., "A Perceptually-Motivated Approach for Low-Complexity, Real-Time Enhancement of Fullband Speech"."""
        gain = (filtered.abs() / (noisy.abs() + 1e-12)).clamp(1e-12, 1.0)
        beta = self.settings.post_filter_beta
        factor = (1 + beta) / (1 + beta * torch.sin(gain * (math.pi / 2)).pow(-2))
        factor[..., -1] = 1.0  # the runtime works in fours, and leaves the 481st bin alone
        return factor
