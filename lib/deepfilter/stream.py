"""DeepFilterNet3 on a signal that comes hop by hop; pauses are muted."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np

from lib.deepfilter.grid import HOP_LENGTH, SAMPLE_RATE
from lib.deepfilter.model import DELAY, DELAY_HOPS, DeepFilter

QUIET_POWER = 1e-7  # -70 dB re full scale: a hop below it is muted and not heard, as in the runtime
CHUNK_LENGTH = 10 * SAMPLE_RATE  # samples of a long signal that are held in parts at once


class DeepFilterStream:
    """DeepFilterNet3 on a signal that comes hop by hop; pauses are muted, and what was said before one comes out first.

    The runtime stands still in a pause: it keeps the last 30 ms before it to itself and lets them out behind it. Here they
    come out in their place, as if the signal had ended there (unless `hold_at_pauses` is set, for comparisons); the network's
    state, which never hears pauses, is the same.
    """

    def __init__(self, model: DeepFilter):
        self.model, self.state = model, None
        self.hold = model.settings.hold_at_pauses
        self.n_heard = (
            0  # hops since the last pause; since the start of the signal, if pauses are held at
        )
        self.recent = np.zeros(DELAY, np.float32)  # the last samples

    def whole(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Rows of a signal from its start to its end, which comes in chunks `[n]` of any size."""
        rest = np.zeros(0, np.float32)
        for chunk in chunks:
            for part in np.split(chunk, range(CHUNK_LENGTH, len(chunk), CHUNK_LENGTH)):
                rest = np.concatenate([rest, part])
                n_whole = len(rest) // HOP_LENGTH * HOP_LENGTH
                yield self.push(rest[:n_whole].reshape(-1, HOP_LENGTH))
                rest = rest[n_whole:]
        yield from self.end(rest)

    def end(self, rest: np.ndarray) -> Iterator[np.ndarray]:
        """The last rows of a signal whose last samples `rest`, less than a hop, have not been pushed."""
        missing = -len(rest) % HOP_LENGTH
        end = mirrored(np.concatenate([self.recent, rest]), missing + DELAY)
        yield self.push(np.concatenate([rest, end[:missing]]).reshape(-1, HOP_LENGTH))
        yield self.pause(end[missing:])

    def push(self, hops: np.ndarray) -> np.ndarray:
        """Rows (see `DeepFilter.rows`) that are known after `hops` `[n, 480]`: all but the last three of the signal so far."""
        rows = [self.model.silence(0)]
        for quiet, group in groupby(zip(_quiet(hops), hops, strict=True), key=lambda pair: pair[0]):
            together = np.stack([hop for _, hop in group])
            if quiet and self.hold:
                rows.append(self._due(self.model.silence(len(together))))
            elif quiet:
                rows += [self.pause(), self.model.silence(len(together))]
            else:
                heard, self.state = self.model.rows(together.ravel(), self.state)
                rows.append(self._due(heard))
            self.recent = np.concatenate([self.recent, together.ravel()])[-DELAY:]
        return np.concatenate(rows)

    def pause(self, push: np.ndarray | None = None) -> np.ndarray:
        """The rows that are still to come of what was heard: its mirrored end pushes them out, or the samples `push`."""
        push = mirrored(self.recent, DELAY) if push is None else push
        if self.hold:
            return self.push(push.reshape(-1, HOP_LENGTH))
        if not self.n_heard:
            return self.model.silence(0)
        rows, _ = self.model.rows(push, self.state)
        n_due, self.n_heard = min(self.n_heard, DELAY_HOPS), 0
        return rows[DELAY_HOPS - n_due :]

    def _due(self, rows: np.ndarray) -> np.ndarray:
        """Without the first three: they are about hops before the last pause, which came out then."""
        n_old = max(0, DELAY_HOPS - self.n_heard)
        self.n_heard += len(rows)
        return rows[n_old:]


def is_quiet(noisy: np.ndarray) -> np.ndarray:
    """Which hops of a signal `[T]` are muted and not heard: `[ceil(T / 480)]`.

    >>> is_quiet(np.repeat([0.0, 0.1], 480))
    array([ True, False])
    """
    return _quiet(to_hops(noisy))


def to_hops(signal: np.ndarray) -> np.ndarray:
    """`[ceil(T / 480), 480]`; the end is mirrored, since behind zeros the network takes the last 10 ms for silence, too."""
    return np.concatenate([signal, mirrored(signal, -len(signal) % HOP_LENGTH)]).reshape(
        -1, HOP_LENGTH
    )


def mirrored(heard: np.ndarray, length: int) -> np.ndarray:
    """The last `length` samples backwards; silence lies before the first."""
    return np.pad(heard, (max(0, length - len(heard)), 0))[::-1][:length]


def _quiet(hops: np.ndarray) -> np.ndarray:
    return np.square(hops).mean(axis=1) < QUIET_POWER
