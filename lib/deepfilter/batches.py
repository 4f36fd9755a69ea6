"""noisy -> enhanced for many whole signals: those without a pause inside share batches."""

import numpy as np

from lib.deepfilter.grid import DELAY, DELAY_HOPS, HOP_LENGTH
from lib.deepfilter.pauses import active_stretch, are_quiet, is_quiet, mirrored_end, whole_hops
from lib.deepfilter.rows import Enhanced, silent_rows, unpack
from lib.deepfilter.stage import Stage
from lib.deepfilter.stream import open_stream
from lib.deepfilter.working_level import Level, follow, hop_powers, known_level

# Signals that are worked on at once: their activations stay in the processor's cache.
BATCH_SIZE = 8


def enhance_signals(model: Stage, signals: list[np.ndarray]) -> list[Enhanced]:
    """What the first stage makes of signals `[T]` of any lengths: finite samples, float32.

    No signal hears another. Signals of similar lengths share a batch; signals with pauses inside
    are worked on one after the other.
    """
    rows: dict[int, np.ndarray] = {}
    stretches: dict[int, tuple[int, int]] = {}
    levels: dict[int, Level] = {}
    for i, noisy in enumerate(signals):
        quiet, levels[i] = _listen(noisy, model.start(1).level)
        stretch = active_stretch(quiet)
        # The network does not hear pauses: a signal with one inside is no single stretch.
        if stretch is None or (model.settings.hold_at_pauses and quiet.any()):
            rows[i] = np.concatenate(list(open_stream(model).whole([noisy])))
        else:
            rows[i] = silent_rows(len(quiet))
            stretches[i] = stretch

    # By length, so that little of a batch is padding.
    order = sorted(stretches, key=lambda i: stretches[i][1] - stretches[i][0])
    for first in range(0, len(order), BATCH_SIZE):
        batch = order[first : first + BATCH_SIZE]
        parts = [(signals[i], *stretches[i]) for i in batch]
        active = _enhance_stretches(model, parts, [levels[i] for i in batch])
        for i, active_rows in zip(batch, active, strict=True):
            start, stop = stretches[i]
            rows[i][start:stop] = active_rows
    return [unpack(rows[i], len(noisy)) for i, noisy in enumerate(signals)]


def _listen(noisy: np.ndarray, level: Level) -> tuple[np.ndarray, Level]:
    """Which hops of a signal are pauses, and the level that it begins with."""
    if not len(noisy):
        return is_quiet(noisy), level
    hops = whole_hops(noisy)
    power = hop_powers(hops.reshape(1, -1))
    level = known_level(power, level, whole=True)
    gain_db, _ = follow(power, level)
    return are_quiet(hops, gain_db[0]), level


def _enhance_stretches(
    model: Stage, stretches: list[tuple[np.ndarray, int, int]], levels: list[Level]
) -> list[np.ndarray]:
    """The rows of the hops `start` to `stop` of each signal, worked on as one batch."""
    samples = [_with_end(*stretch) for stretch in stretches]
    length = max(map(len, samples))
    # The network is causal, so that zeros behind a signal do not change it.
    padded = np.stack([np.pad(part, (0, length - len(part))) for part in samples])
    # The hops before a stretch are pauses, which change no level.
    level = Level(*(np.concatenate(values) for values in zip(*levels, strict=True)))
    rows, _ = model.rows(padded, model.start(len(padded))._replace(level=level))
    return [
        # The first rows are about the hops before the signal.
        rows[k, DELAY_HOPS : DELAY_HOPS + stop - start]
        for k, (_, start, stop) in enumerate(stretches)
    ]


def _with_end(signal: np.ndarray, start: int, stop: int) -> np.ndarray:
    """The hops `start` to `stop` as samples, and three hops that push them out."""
    # A signal may end within its last hop.
    samples = signal[start * HOP_LENGTH : stop * HOP_LENGTH]
    n_missing = -len(samples) % HOP_LENGTH
    end = mirrored_end(signal[: stop * HOP_LENGTH], n_missing + DELAY)
    return np.concatenate([samples, end])
