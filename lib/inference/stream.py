"""noisy -> restored while it is being recorded: DeepFilterNet3 and the restorer as one chain, chunk by chunk.

Any chunk size goes in, as many samples come out, `delay` samples late; pauses, ends and all else are as offline.
"""

import numpy as np
import torch
from torch import nn

from lib.deepfilter.grid import HOP_LENGTH, SAMPLE_RATE
from lib.deepfilter.model import DELAY, load
from lib.deepfilter.stream import DeepFilterStream
from lib.inference.loudness import LoudnessMatcher
from lib.models.export import run_hops

CHUNK_LENGTH = 10 * SAMPLE_RATE  # samples that are worked on at once, whatever comes in


class RestorerStream:
    """One channel at 48 kHz through the chain: `restored = stream.push(noisy)`, at the end `stream.flush()`.

    Outputs are `delay` samples late: the first `delay` samples that come out are zeros, and `flush` gives the last ones and makes
    the stream ready for another signal. It never hears more than has come in; memory does not grow.

    Args:
        generator: in eval mode.
        mix: share of restored in what comes out, the rest is the signal that came in, at the same place.
        already_enhanced: what comes in has been through DeepFilterNet3; `push` may get the noisy original beside it.

    >>> from lib.models.pretrained import load_weights
    >>> stream = RestorerStream(load_weights())
    >>> [len(stream.push(np.zeros(n))) for n in (1, 1000, 480)], len(stream.flush()) == stream.delay
    ([1, 1000, 480], True)
    """

    def __init__(self, generator: nn.Module, mix: float = 1.0, already_enhanced: bool = False):
        self.generator, self.mix, self.already_enhanced = generator, mix, already_enhanced
        self.device = next(generator.parameters()).device
        first_stage = 0 if already_enhanced else DELAY
        self.delay = (
            first_stage + generator.delay + HOP_LENGTH
        )  # the last: a hop has to be there whole
        self.reset()

    def reset(self) -> None:
        """Forget all that was heard."""
        self.first_stage = None if self.already_enhanced else DeepFilterStream(load())
        self.state, self.follower = None, LoudnessMatcher()
        self.rest = np.zeros((2, 0), np.float32)  # (dry, noisy) of less than a hop
        self.waiting = np.zeros(
            (2, 0), np.float32
        )  # (dry, noisy) whose enhanced samples are still to come
        self.beside = np.zeros(
            (2, 0), np.float32
        )  # (dry, enhanced) whose restored samples are still to come
        self.late = (
            self.generator.delay
        )  # samples that the generator gives before the signal's first one
        self.out = np.zeros(self.delay, np.float32)
        self.n_heard = self.n_enhanced = 0

    def push(self, chunk: np.ndarray, noisy: np.ndarray | None = None) -> np.ndarray:
        """The next samples `[n]` of the signal -> `[n]` restored ones, float32.

        Args:
            chunk: noisy; with `already_enhanced` the enhanced signal.
            noisy: with `already_enhanced`, the noisy original; without it the enhanced signal stands in for it.

        Raises:
            ValueError: the chunk is not one-dimensional, holds NaN or infinite samples, or `noisy` has another length.
        """
        both = [
            np.asarray(chunk, np.float32),
            np.asarray(chunk if noisy is None else noisy, np.float32),
        ]
        if both[0].ndim != 1 or both[0].shape != both[1].shape or not np.isfinite(both).all():
            raise ValueError(
                f"chunk {both[0].shape}, noisy {both[1].shape}: expected finite samples [n] of one length"
            )
        both = np.stack(both)
        for part in np.split(both, range(CHUNK_LENGTH, both.shape[1], CHUNK_LENGTH), axis=1):
            self.rest = np.concatenate([self.rest, part], axis=1)
            self.n_heard += part.shape[1]
            n_whole = self.rest.shape[1] // HOP_LENGTH * HOP_LENGTH
            hops, self.rest = self.rest[:, :n_whole], self.rest[:, n_whole:]
            self.waiting = np.concatenate([self.waiting, hops], axis=1)
            self._restore(
                hops[0]
                if self.already_enhanced
                else self._signal(self.first_stage.push(_rows(hops[0])))
            )
        return self._taken(both.shape[1])

    def flush(self) -> np.ndarray:
        """The last `delay` samples; then the stream is as new."""
        missing = -self.rest.shape[1] % HOP_LENGTH
        last = np.pad(self.rest, ((0, 0), (0, missing)))
        self.waiting = np.concatenate([self.waiting, last], axis=1)
        if self.already_enhanced:
            enhanced = last[0]
        else:
            enhanced = np.concatenate(
                [self._signal(rows) for rows in self.first_stage.end(self.rest[0])]
            )
        enhanced[self.n_heard - self.n_enhanced :] = 0.0  # behind the signal is silence
        self._restore(enhanced)
        self.waiting = np.zeros((2, HOP_LENGTH), np.float32)
        self._restore(np.zeros(HOP_LENGTH, np.float32))
        restored = self._taken(self.delay)
        self.reset()
        return restored

    @torch.no_grad()
    def _restore(self, enhanced: np.ndarray) -> None:
        """Whole hops of the first stage's output go through the generator, in their order."""
        if not len(enhanced):
            return
        (dry, noisy), self.waiting = (
            self.waiting[:, : len(enhanced)],
            self.waiting[:, len(enhanced) :],
        )
        inputs = np.stack([enhanced, noisy][: self.generator.n_inputs])[None]
        if self.device.type == "cpu":
            restored, self.state = run_hops(self.generator, inputs, self.state)
        else:
            restored, self.state = self.generator(
                torch.from_numpy(inputs).to(self.device), self.state
            )
            restored = restored.cpu().numpy()
        restored = restored[0, 0, self.late :]
        self.late = max(0, self.late - len(enhanced))
        self.n_enhanced += len(enhanced)
        self.beside = np.concatenate([self.beside, [dry, enhanced]], axis=1)
        (dry, enhanced), self.beside = (
            self.beside[:, : len(restored)],
            self.beside[:, len(restored) :],
        )
        restored = self.follower.push(enhanced, restored)
        self.out = np.concatenate([self.out, self.mix * restored + (1 - self.mix) * dry])

    def _taken(self, n: int) -> np.ndarray:
        taken, self.out = self.out[:n], self.out[n:]
        return taken

    @staticmethod
    def _signal(rows: np.ndarray) -> np.ndarray:
        return rows[:, :HOP_LENGTH].ravel()


def _rows(samples: np.ndarray) -> np.ndarray:
    return samples.reshape(-1, HOP_LENGTH)
