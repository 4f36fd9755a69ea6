"""noisy -> restored while it is being recorded, chunk by chunk, by any engine.

Any number of samples goes in, as many come out. The output equals the offline result, pauses and
ends included.
"""

import numpy as np

from lib.deepfilter.grid import DELAY, HOP_LENGTH, SAMPLE_RATE
from lib.deepfilter.rows import samples_of
from lib.deepfilter.stream import DeepFilterStream
from lib.deepfilter.working_level import sample_gains, unknown_level
from lib.inference.checks import check_options, checked_signals
from lib.inference.loudness import LoudnessMatcher
from lib.inference.stages import Stages

CHUNK_LENGTH = 10 * SAMPLE_RATE  # samples that are processed at once; longer chunks are split


class StageStream:
    """One channel at 48 kHz: `restored = stream.push(noisy)`, at the end `stream.flush()`.

    Outputs are `delay` samples late: the first `delay` samples are zeros, and `flush` gives the
    last ones. A stream depends on past samples alone, and its memory does not grow.

    Args:
        stages: both networks.
        mix: share of restored in the output, 0 to 1; the rest is the input.
        already_enhanced: the input has been through DeepFilterNet3; `push` may get the noisy
            original beside it.

    Raises:
        ValueError: `mix` is not within 0 to 1.
    """

    def __init__(self, stages: Stages, mix: float = 1.0, already_enhanced: bool = False) -> None:
        check_options(mix, already_enhanced, has_noisy=False)
        self.stages = stages
        self.mix = mix
        self.already_enhanced = already_enhanced
        first_stage_delay = 0 if already_enhanced else DELAY
        # One more hop: the networks start on a hop when its last sample is there.
        self.delay = first_stage_delay + stages.delay + HOP_LENGTH
        self.reset()

    def reset(self) -> None:
        """Forget the signal: the stream is as new."""
        self.first_stage = (
            None if self.already_enhanced else DeepFilterStream(self.stages.first_stage())
        )
        self.generator_state = None
        self.loudness = LoudnessMatcher()
        self.level = unknown_level(1)  # of noisy: the generator hears quiet signals louder, too
        # Samples on their way, `[C, n]`. `dry` is the input, which `mix` mixes in again.
        self.partial_hop = np.zeros((2, 0), np.float32)  # dry, noisy
        self.before_generator = np.zeros((3, 0), np.float32)  # dry, noisy, gain
        self.after_generator = np.zeros((3, 0), np.float32)  # dry, enhanced as heard, gain
        self.n_to_skip = self.stages.delay  # what the generator gives before the signal starts
        self.output = np.zeros(self.delay, np.float32)
        self.n_pushed = 0
        self.n_enhanced = 0

    def push(self, chunk: np.ndarray, noisy: np.ndarray | None = None) -> np.ndarray:
        """The next samples `[n]` of the signal -> `[n]` restored ones, float32.

        Args:
            chunk: noisy; with `already_enhanced` the enhanced signal.
            noisy: with `already_enhanced`, the noisy original; without it `chunk` stands in.

        Raises:
            ValueError: what `lib.inference.checks` refuses. The stream can go on with another
                chunk.
        """
        check_options(self.mix, self.already_enhanced, noisy is not None)
        (dry,), (noisy,) = checked_signals([chunk], None if noisy is None else [noisy])
        pair = np.stack([dry, noisy])
        # Long chunks go in parts, so that memory does not grow with the chunk.
        for part in np.split(pair, range(CHUNK_LENGTH, len(dry), CHUNK_LENGTH), axis=1):
            self.n_pushed += part.shape[1]
            samples = np.concatenate([self.partial_hop, part], axis=1)
            # Only whole hops go on; the rest waits for the next chunk.
            hops, self.partial_hop = _split(samples, samples.shape[1] // HOP_LENGTH * HOP_LENGTH)
            self._await_enhanced(hops)
            self._restore(hops[0] if self.already_enhanced else self._enhance(hops[0]))
        return self._take(len(dry))

    def flush(self) -> np.ndarray:
        """The last `delay` samples; then the stream is as new."""
        # Zeros complete the last hop of dry and noisy; the first stage mirrors its end itself.
        n_missing = -self.partial_hop.shape[1] % HOP_LENGTH
        last_hop = np.pad(self.partial_hop, ((0, 0), (0, n_missing)))
        self._await_enhanced(last_hop)
        if self.already_enhanced:
            enhanced = last_hop[0]
        else:
            rows = self.first_stage.end(self.partial_hop[0])
            enhanced = np.concatenate([samples_of(part) for part in rows])
        enhanced[self.n_pushed - self.n_enhanced :] = 0.0  # silence lies behind the signal
        self._restore(enhanced)
        # One hop of silence pushes out what the generator's delay holds.
        self._await_enhanced(np.zeros((2, HOP_LENGTH), np.float32))
        self._restore(np.zeros(HOP_LENGTH, np.float32))
        restored = self._take(self.delay)
        self.reset()
        return restored

    def _await_enhanced(self, hops: np.ndarray) -> None:
        """Keep dry and noisy `[2, n]`, and the gain with which noisy is heard."""
        if hops.shape[1]:
            gain, self.level = sample_gains(hops[1:], self.level)
            with_gain = np.concatenate([hops, gain])
            self.before_generator = np.concatenate([self.before_generator, with_gain], axis=1)

    def _enhance(self, samples: np.ndarray) -> np.ndarray:
        """Whole hops through the first stage; its output is late."""
        return samples_of(self.first_stage.push(samples.reshape(-1, HOP_LENGTH)))

    def _restore(self, enhanced: np.ndarray) -> None:
        """Whole hops of the first stage's output through the generator, to the output."""
        if not len(enhanced):
            return
        (dry, noisy, gain), self.before_generator = _split(self.before_generator, len(enhanced))
        enhanced = gain * enhanced
        inputs = np.stack([enhanced, gain * noisy])
        inputs = inputs[None, : self.stages.n_inputs]
        restored, self.generator_state = self.stages.generate(inputs, self.generator_state)
        restored = restored[0, self.n_to_skip :]
        # What the generator gives before the signal's first sample does not come out.
        self.n_to_skip = max(0, self.n_to_skip - len(enhanced))
        self.n_enhanced += len(enhanced)
        # The generator's output is late, too: dry and enhanced wait for it.
        waiting = np.concatenate([self.after_generator, [dry, enhanced, gain]], axis=1)
        (dry, enhanced, gain), self.after_generator = _split(waiting, len(restored))
        matched = self.loudness.push(enhanced, restored) / gain
        self.output = np.concatenate([self.output, self.mix * matched + (1 - self.mix) * dry])

    def _take(self, n: int) -> np.ndarray:
        samples, self.output = self.output[:n], self.output[n:]
        return samples


def _split(samples: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `n` samples of `[C, T]`, and the rest."""
    return samples[:, :n], samples[:, n:]
