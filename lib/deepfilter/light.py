"""DeepFilterNet3 from signal to signal without PyTorch: NumPy around the network in ONNX Runtime.

`lib.deepfilter.model` with the default settings, for programs that must start soon and be small.
Batches, blocks of long files and single hops are one function here, too.
"""

from typing import NamedTuple

import numpy as np
import onnxruntime
from numpy.lib.stride_tricks import sliding_window_view

from lib.deepfilter.grid import (
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
from lib.deepfilter.running_means import first_means, running_means
from lib.deepfilter.settings import DEFAULTS
from lib.deepfilter.working_level import Level, follow, hop_powers, unknown_level

FEATURES = ("erb", "low")  # inputs of the network that are no states
# Hops that are worked on at once: more of them take more memory, and are no faster. Those of a
# batch count together, and then stay in the processor's cache.
BLOCK_HOPS, BATCH_HOPS = 100, 200


class State(NamedTuple):
    """As `lib.deepfilter.model.State`, in arrays."""

    last_hop: np.ndarray
    overlap: np.ndarray
    means: np.ndarray
    spectra: np.ndarray
    network: dict[str, np.ndarray]
    level: Level


def block_length(batch_size: int) -> int:
    """Samples of each signal of a batch that are worked on at once.

    >>> block_length(1) // HOP_LENGTH, block_length(8) // HOP_LENGTH
    (100, 25)
    """
    return HOP_LENGTH * max(1, min(BLOCK_HOPS, BATCH_HOPS // batch_size))


class LightDeepFilter:
    """A `Stage` (see `lib.deepfilter.stage`).

    Args:
        network: a session of what `lib.deepfilter.export.export_network` makes.
    """

    settings = DEFAULTS

    def __init__(self, network: onnxruntime.InferenceSession):
        self.network = network
        # Of the axes of a state the first is the batch, which has no fixed size.
        inputs = network.get_inputs()
        self.shapes = {part.name: part.shape[1:] for part in inputs if part.name not in FEATURES}
        self.window, self.bands = vorbis_window(N_FFT), band_matrix()
        # The forward scale 1 / 960 is upstream's, and the network's levels count on it.
        self.analysis_window = self.window / N_FFT
        self.band_means = self.bands / self.bands.sum(0)

    def start(self, batch_size: int) -> State:
        """The state before any signal."""
        zeros = np.zeros((batch_size, HOP_LENGTH), np.float32)
        means = np.tile(first_means(), (batch_size, 1))
        spectra = np.zeros((batch_size, ORDER - 1, N_BINS), np.complex64)
        network = {
            name: np.zeros((batch_size, *shape), np.float32) for name, shape in self.shapes.items()
        }
        return State(zeros, zeros, means, spectra, network, unknown_level(batch_size))

    def rows(self, samples: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """The output as rows (see `lib.deepfilter.rows`), in blocks, and the state after it."""
        noisy = np.atleast_2d(np.asarray(samples, np.float32))
        blocks, length = [], block_length(len(noisy))
        for start in range(0, noisy.shape[1], length):
            block, state = self._block(noisy[:, start : start + length], state)
            blocks.append(block)
        rows = np.concatenate(blocks, axis=1)
        return (rows if np.ndim(samples) == 2 else rows[0]), state

    def _block(self, noisy: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Rows `[B, n, 513]` of `[B, 480 n]`."""
        samples = np.concatenate([state.last_hop, noisy], axis=1)
        frames = sliding_window_view(samples, N_FFT, axis=1)[:, ::HOP_LENGTH]
        spectrum = np.fft.rfft(frames * self.analysis_window)  # [B, n, 481]

        # Only the network hears the gain: its estimates are applied to the signal as it is.
        gain_db, level = follow(hop_powers(noisy), state.level)
        erb, low, means = self._features(spectrum, 10 ** (gain_db / 20), state.means)
        inputs = {"erb": erb, "low": low, **state.network}
        gains, taps, lsnr_db, *network = self.network.run(None, inputs)
        network = dict(zip(state.network, network, strict=True))

        spectra = np.concatenate([state.spectra, spectrum], axis=1)  # [B, 4 + n, 481]
        filtered = self._filtered(spectra, gains, taps)
        # This inverse is not scaled, which undoes the forward 1 / 960.
        frames = np.fft.irfft(filtered, norm="forward") * self.window  # [B, n, 960]
        overlaps = np.concatenate([state.overlap[:, None], frames[:, :, HOP_LENGTH:]], axis=1)
        hops = frames[:, :, :HOP_LENGTH] + overlaps[:, :-1]
        rows = np.concatenate([hops, gains, lsnr_db[..., None]], axis=2)
        # Copies: a view would keep the whole block in memory.
        past = (samples[:, -HOP_LENGTH:], overlaps[:, -1], means, spectra[:, 1 - ORDER :])
        return rows, State(*(part.copy() for part in past), network, level)

    def _features(
        self, spectrum: np.ndarray, factors: np.ndarray, means: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`lib.deepfilter.features.normalised_features` of the spectrum times factors `[B, n]`."""
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        power *= np.square(factors)[..., None]
        level_db = 10 * np.log10(power @ self.band_means + np.float32(1e-10))
        low = spectrum[..., :N_DF] * factors[..., None]
        now = np.concatenate([level_db, np.sqrt(power[..., :N_DF])], axis=2)  # [B, n, 128]
        history = running_means(now, means)
        erb = (level_db - history[..., :N_ERB]) / 40
        low /= np.sqrt(history[..., N_ERB:])
        pairs = np.stack([low.real, low.imag], axis=1)  # [B, 2, n, 96]
        return erb, pairs, history[:, -1]

    def _filtered(self, spectra: np.ndarray, gains: np.ndarray, taps: np.ndarray) -> np.ndarray:
        """The enhanced spectrum `[B, n, 481]` of the frames that the network has looked beyond."""
        n_frames = gains.shape[1]
        filtered = spectra[:, LOOK_AHEAD : LOOK_AHEAD + n_frames] * (gains @ self.bands.T)
        taps = taps.view(np.complex64)[..., 0]  # [B, n, 96, 5]
        filtered[..., :N_DF] = sum(
            spectra[:, k : k + n_frames, :N_DF] * taps[..., k] for k in range(ORDER)
        )
        return filtered
