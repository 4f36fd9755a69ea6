"""Recordings and signals, restored whole by any engine."""

from collections.abc import Sequence

import numpy as np

from lib.deepfilter.batches import enhance_signals
from lib.deepfilter.grid import HOP_LENGTH
from lib.deepfilter.working_level import sample_gains, unknown_level
from lib.inference.channels import join_channels, split_channels
from lib.inference.checks import check_options, check_rate, checked_signals
from lib.inference.loudness import LoudnessMatcher
from lib.inference.stage_stream import StageStream
from lib.inference.stages import Stages

BATCH_SIZE = 8  # signals that the generator gets at once


class StageRestorer:
    """DeepFilterNet3, then a generator: restores recordings of any sample rate and channel count.

    Args:
        stages: both networks.
    """

    def __init__(self, stages: Stages) -> None:
        self.stages = stages

    def __call__(
        self,
        signal: np.ndarray,
        sample_rate: int,
        noisy: np.ndarray | None = None,
        mix: float = 1.0,
        already_enhanced: bool = False,
    ) -> np.ndarray:
        """Restore a recording `[T]` or `[T, C]`: float32 of the same shape and rate, no delay.

        Args:
            signal: noisy; with `already_enhanced` the output of DeepFilterNet3. Full scale is 1.
            sample_rate: of the signal, Hz. No default: 16 kHz taken for 48 kHz would be a
                voice three times too high, restored badly and without an error.
            noisy: with `already_enhanced`, the noisy original; without it `signal` stands in.
            mix: share of restored in the result, 0 to 1; the rest is `signal`.

        Raises:
            ValueError: what `lib.inference.checks` refuses: another shape, integer samples, NaN or
                infinite samples, a `mix` beyond 0 to 1, `noisy` without `already_enhanced`.
        """
        check_options(mix, already_enhanced, noisy is not None)
        sample_rate = check_rate(sample_rate)
        recordings = [[signal], None if noisy is None else [noisy]]
        (signal,), (noisy_signal,) = checked_signals(*recordings, axes=(1, 2))
        # More channels than samples: the axes are most likely in the wrong order.
        if not signal.size or (signal.ndim == 2 and signal.shape[1] > len(signal)):
            raise ValueError(
                f"expected a recording [T] or [T, channels] with samples, got {signal.shape}"
            )
        signals = split_channels(signal, sample_rate)
        noisy_signals = None if noisy is None else split_channels(noisy_signal, sample_rate)
        restored = self.restore_batch(signals, noisy_signals, mix, already_enhanced)
        # A recording `[T]` came as one channel of `[T, C]` and gets its shape back.
        return join_channels(restored, sample_rate, len(signal)).reshape(signal.shape)

    def restore_batch(
        self,
        signals: Sequence[np.ndarray],
        noisy: Sequence[np.ndarray] | None = None,
        mix: float = 1.0,
        already_enhanced: bool = False,
    ) -> list[np.ndarray]:
        """Restore signals `[T]` at 48 kHz of any lengths together, each as if it were alone.

        Arguments and errors as of `__call__`, a signal each.
        """
        check_options(mix, already_enhanced, noisy is not None)
        signals, noisy = checked_signals(signals, noisy)
        enhanced = signals
        if not already_enhanced:
            enhanced = [out.signal for out in enhance_signals(self.stages.first_stage(), signals)]
        # In the order of `signals`, while the batches are in that of the lengths.
        restored: list = [None] * len(signals)
        # Signals of like lengths share a batch, so that little is padded.
        by_length = sorted(range(len(signals)), key=lambda i: len(signals[i]))
        for start in range(0, len(by_length), BATCH_SIZE):
            indices = by_length[start : start + BATCH_SIZE]
            # The longest signal of the batch, rounded up to whole hops.
            length = -(-len(signals[indices[-1]]) // HOP_LENGTH) * HOP_LENGTH
            inputs = np.stack(
                [[_padded(enhanced[i], length), _padded(noisy[i], length)] for i in indices]
            )
            # The generator hears quiet signals louder, as the first stage does.
            gains, _ = sample_gains(inputs[:, 1], unknown_level(len(indices)), whole=True)
            inputs *= gains[:, None]
            outputs = self._generate(inputs[:, : self.stages.n_inputs])
            for i, (reference, _), output, gain in zip(
                indices, inputs, outputs, gains, strict=True
            ):
                # A signal of its own gets a matcher of its own: loudness follows past samples.
                matched = (LoudnessMatcher().push(reference, output) / gain)[: len(signals[i])]
                restored[i] = mix * matched + (1 - mix) * signals[i]
        return restored

    def stream(self, mix: float = 1.0, already_enhanced: bool = False) -> StageStream:
        """A stream for one channel at 48 kHz: `push` chunks, at the end `flush`."""
        return StageStream(self.stages, mix, already_enhanced)

    def _generate(self, inputs: np.ndarray) -> np.ndarray:
        """`[B, C, T]` -> `[B, T]`, aligned; T in whole hops."""
        # The generator is causal: zeros behind a signal do not change it.
        delay = self.stages.delay
        restored, _ = self.stages.generate(np.pad(inputs, ((0, 0), (0, 0), (0, delay))))
        # The first `delay` samples come before the signal, which the padding made up for.
        return restored[:, delay:]


def _padded(signal: np.ndarray, length: int) -> np.ndarray:
    return np.pad(np.asarray(signal, np.float32), (0, length - len(signal)))
