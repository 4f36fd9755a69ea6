"""DeepFilterNet3 on a signal that comes hop by hop, and what happens at its pauses."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np

from lib.deepfilter.grid import DELAY, DELAY_HOPS, HOP_LENGTH, SAMPLE_RATE
from lib.deepfilter.pauses import are_quiet, mirrored_end, whole_hops
from lib.deepfilter.rows import silent_rows
from lib.deepfilter.stage import Stage
from lib.deepfilter.working_level import (
    N_AHEAD,
    Level,
    follow,
    hop_powers,
    is_settled,
    known_level,
)

CHUNK_LENGTH = 10 * SAMPLE_RATE  # samples of a long chunk that are worked on at once


class DeepFilterStream:
    """A signal that comes hop by hop -> rows (see `lib.deepfilter.rows`).

    The network lags three hops behind, and it does not hear pauses. When a pause begins, the last
    three hops come out in their place, as if the signal had ended there; the pause itself is
    silent. Behind the pause the network goes on from the state before it.

    A quiet signal of which nothing is known is heard as it is for half a second, then louder. It is
    heard louder from its start on if half a second of it is pushed at once, as `whole` does.
    """

    def __init__(self, model: Stage):
        self.model = model
        self.state = model.start(1)
        self.n_pending = 0  # hops that the network has heard and that have not come out, 0 to 3
        self.recent = np.zeros(DELAY, np.float32)  # the last samples of the signal

    def whole(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Rows of a signal from its start to its end, which comes in chunks `[n]` of any size."""
        rest = np.zeros(0, np.float32)  # less than a hop, until the next chunk completes it
        for chunk in chunks:
            for part in np.split(chunk, range(CHUNK_LENGTH, len(chunk), CHUNK_LENGTH)):
                rest = np.concatenate([rest, part])
                # The first 5 s go together: their loudest part counts from the start on.
                if not self._has_just_begun(rest):
                    hops, rest = _split(rest)
                    yield self.push(hops)
        self._look_ahead(whole_hops(rest), whole=True)
        hops, rest = _split(rest)
        yield self.push(hops)
        yield from self.end(rest)

    def push(self, hops: np.ndarray) -> np.ndarray:
        """The rows that are known after `hops` `[n, 480]`: all but the last three at most."""
        rows = [silent_rows(0)]
        if not len(hops):
            return rows[0]
        self._look_ahead(hops)
        quiet_hops = are_quiet(hops)
        # With a gain fewer hops are.
        if quiet_hops.any():
            quiet_hops = are_quiet(hops, self._follow(hops)[0])
        # Runs of hops that are pauses or not; neighbours of one kind are worked on together.
        for quiet, group in groupby(zip(quiet_hops, hops, strict=True), lambda pair: pair[0]):
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
        due = self._flush(mirrored_end(self.recent, DELAY))
        hops, _ = _split(samples)
        self.state = self.state._replace(level=self._follow(hops)[1])
        return np.concatenate([due, silent_rows(len(hops))])

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

    def _look_ahead(self, hops: np.ndarray, whole: bool = False) -> None:
        """Note the level of hops that are known before they are pushed."""
        if len(hops) and not is_settled(self.state.level):
            level = known_level(_powers(hops), self.state.level, whole)
            self.state = self.state._replace(level=level)

    def _has_just_begun(self, samples: np.ndarray) -> bool:
        """Whether the signal begins in `samples`, less than 5 s before their end."""
        hops, _ = _split(samples)
        if not len(hops) or self.state.level.age:
            return False
        return 0 < self._follow(hops)[1].age < N_AHEAD

    def _follow(self, hops: np.ndarray) -> tuple[np.ndarray, Level]:
        """Gains `[n]` in dB of the next hops, and the level behind them."""
        gain_db, level = follow(_powers(hops), self.state.level)
        return gain_db[0], level


class RuntimeStream(DeepFilterStream):
    """The same with pauses as upstream's runtime has them, to compare with it.

    The runtime stands still at a pause. The last 30 ms before a pause come out behind it.
    """

    def _pause(self, samples: np.ndarray) -> np.ndarray:
        return self._due(silent_rows(len(samples) // HOP_LENGTH))

    def _flush(self, samples: np.ndarray) -> np.ndarray:
        return self.push(samples.reshape(-1, HOP_LENGTH))


def _powers(hops: np.ndarray) -> np.ndarray:
    """Of hops `[n, 480]`: `[1, n]`."""
    return hop_powers(hops.reshape(1, -1))


def _split(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole hops `[n, 480]`, and the samples that are left over."""
    n_whole = len(samples) // HOP_LENGTH * HOP_LENGTH
    return samples[:n_whole].reshape(-1, HOP_LENGTH), samples[n_whole:]


def open_stream(model: Stage) -> DeepFilterStream:
    """A stream with pauses as the model's settings want them."""
    return RuntimeStream(model) if model.settings.hold_at_pauses else DeepFilterStream(model)
