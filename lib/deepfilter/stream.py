"""DeepFilterNet3 on a signal that comes hop by hop, and what happens at its pauses."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np

from lib.deepfilter.grid import DELAY, DELAY_HOPS, HOP_LENGTH, SAMPLE_RATE
from lib.deepfilter.model import DeepFilter
from lib.deepfilter.pauses import are_quiet, mirrored_end
from lib.deepfilter.rows import silent_rows

CHUNK_LENGTH = 10 * SAMPLE_RATE  # samples of a long chunk that are worked on at once


class DeepFilterStream:
    """A signal that comes hop by hop -> rows (see `lib.deepfilter.rows`).

    The network lags three hops behind, and it does not hear pauses. When a pause begins, the last
    three hops come out in their place, as if the signal had ended there; the pause itself is
    silent. Behind the pause the network goes on from the state before it.
    """

    def __init__(self, model: DeepFilter):
        self.model = model
        self.state = None
        self.n_pending = 0  # hops that the network has heard and that have not come out, 0 to 3
        self.recent = np.zeros(DELAY, np.float32)  # the last samples of the signal

    def whole(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Rows of a signal from its start to its end, which comes in chunks `[n]` of any size."""
        rest = np.zeros(0, np.float32)  # less than a hop, until the next chunk completes it
        for chunk in chunks:
            for part in np.split(chunk, range(CHUNK_LENGTH, len(chunk), CHUNK_LENGTH)):
                rest = np.concatenate([rest, part])
                n_whole = len(rest) // HOP_LENGTH * HOP_LENGTH
                yield self.push(rest[:n_whole].reshape(-1, HOP_LENGTH))
                rest = rest[n_whole:]
        yield from self.end(rest)

    def push(self, hops: np.ndarray) -> np.ndarray:
        """The rows that are known after `hops` `[n, 480]`: all but the last three at most."""
        # Runs of hops that are pauses or not; neighbours of one kind are worked on together.
        rows = [silent_rows(0)]
        for quiet, group in groupby(zip(are_quiet(hops), hops, strict=True), lambda pair: pair[0]):
            samples = np.concatenate([hop for _, hop in group])
            rows.append(self._pause(samples) if quiet else self._hear(samples))
            self.recent = np.concatenate([self.recent, samples])[-DELAY:]
        return np.concatenate(rows)

    def end(self, rest: np.ndarray) -> Iterator[np.ndarray]:
        """The last rows of a signal. `rest` is its last part of a hop, which was not pushed."""
        # The mirrored end first completes the last hop, then pushes the last three hops out.
        n_missing = -len(rest) % HOP_LENGTH
        mirrored = mirrored_end(np.concatenate([self.recent, rest]), n_missing + DELAY)
        yield self.push(np.concatenate([rest, mirrored[:n_missing]]).reshape(-1, HOP_LENGTH))
        yield self._flush(mirrored[n_missing:])

    def _hear(self, samples: np.ndarray) -> np.ndarray:
        """The rows that come out when the network hears these hops."""
        rows, self.state = self.model.rows(samples, self.state)
        return self._due(rows)

    def _pause(self, samples: np.ndarray) -> np.ndarray:
        """The rows that come out at a pause: those still to come, then silence."""
        n_hops = len(samples) // HOP_LENGTH
        return np.concatenate([self._flush(mirrored_end(self.recent, DELAY)), silent_rows(n_hops)])

    def _flush(self, samples: np.ndarray) -> np.ndarray:
        """The rows still to come, which `samples` push out; the network's state does not change."""
        if not self.n_pending:
            return silent_rows(0)
        # `samples` were never recorded: the state behind them is dropped.
        rows, _ = self.model.rows(samples, self.state)
        n_pending, self.n_pending = self.n_pending, 0
        return rows[DELAY_HOPS - n_pending :]

    def _due(self, rows: np.ndarray) -> np.ndarray:
        """Without the first ones that are about hops before the last pause: they came out then."""
        n_old = DELAY_HOPS - self.n_pending
        self.n_pending = min(DELAY_HOPS, self.n_pending + len(rows))
        return rows[n_old:]


class RuntimeStream(DeepFilterStream):
    """The same with pauses as upstream's runtime has them, to compare with it.

    The runtime stands still at a pause. The last 30 ms before a pause come out behind it.
    """

    def _pause(self, samples: np.ndarray) -> np.ndarray:
        return self._due(silent_rows(len(samples) // HOP_LENGTH))

    def _flush(self, samples: np.ndarray) -> np.ndarray:
        return self.push(samples.reshape(-1, HOP_LENGTH))


def open_stream(model: DeepFilter) -> DeepFilterStream:
    """A stream with pauses as the model's settings want them."""
    return RuntimeStream(model) if model.settings.hold_at_pauses else DeepFilterStream(model)
