"""noisy -> enhanced for whole signals, for batches of them and for streams of chunks."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from lib.deepfilter.grid import DELAY, DELAY_HOPS, HOP_LENGTH, SAMPLE_RATE
from lib.deepfilter.model import DeepFilter, load
from lib.deepfilter.pauses import active_stretch, are_quiet, is_quiet, mirrored_end, whole_hops
from lib.deepfilter.rows import Enhanced, samples_of, silent_rows, unpack
from lib.deepfilter.settings import DEFAULTS, Settings
from lib.deepfilter.stream import open_stream
from lib.deepfilter.working_level import Level, follow, known_level

# Signals that are worked on at once: their activations stay in the processor's cache.
BATCH_SIZE = 8


def enhance(noisy: np.ndarray, settings: Settings = DEFAULTS, device: str = "cpu") -> np.ndarray:
    """What DeepFilterNet3 makes of a whole utterance: float32 `[T]` at 48 kHz, as long, at lag 0.

    The network hears the utterance from its start, so that its state is warm everywhere. Hops below
    -70 dB re full scale come out silent, and the network does not hear them, as in the runtime. It
    hears a quiet utterance louder, unlike the runtime's, see `lib.deepfilter.working_level`; then
    quieter hops are heard, too.

    Raises:
        ValueError: `noisy` is not one-dimensional or holds NaN or infinite samples.

    >>> enhance(np.zeros(1)).shape, float(np.abs(enhance(np.zeros(4_800))).max())
    ((1,), 0.0)
    """
    return enhance_batch([noisy], settings, device)[0].signal


def enhance_batch(
    signals: list[np.ndarray], settings: Settings = DEFAULTS, device: str = "cpu"
) -> list[Enhanced]:
    """`enhance` for signals of any lengths, with gains and local SNR.

    No signal hears another. Signals of similar lengths share a batch; signals with pauses inside
    are worked on one after the other.

    >>> [result.signal.shape for result in enhance_batch([np.zeros(48_000), np.zeros(7)])]
    [(48000,), (7,)]
    """
    model = load(settings, device)
    signals = [
        _checked(noisy, f"signal {i + 1} of {len(signals)}: ") for i, noisy in enumerate(signals)
    ]
    rows: dict[int, np.ndarray] = {}
    stretches: dict[int, tuple[int, int]] = {}
    levels: dict[int, Level] = {}
    for i, noisy in enumerate(signals):
        quiet, levels[i] = _listen(noisy, model.start(1).level)
        stretch = active_stretch(quiet)
        # The network does not hear pauses: a signal with one inside is no single stretch.
        if stretch is None or (settings.hold_at_pauses and quiet.any()):
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


def enhance_stream(
    chunks: Iterable[np.ndarray], settings: Settings = DEFAULTS, device: str = "cpu"
) -> Iterator[np.ndarray]:
    """`enhance` of a signal that comes in chunks `[n]` of any size.

    The results have other lengths than the chunks; all together they are as long as the signal, at
    lag 0. Memory does not grow with the length of the signal.

    >>> parts = enhance_stream(np.zeros(1_000) for _ in range(5))
    >>> sum(len(part) for part in parts)
    5000
    """
    n_samples = n_out = 0

    def checked_chunks():
        nonlocal n_samples
        for chunk in chunks:
            # The message names the place in the signal: the number of a chunk would not help.
            chunk = _checked(chunk, f"behind {n_samples / SAMPLE_RATE:.2f} s: ")
            n_samples += len(chunk)
            yield chunk

    stream = open_stream(load(settings, device))
    for rows in stream.whole(checked_chunks()):
        # The last hop may reach beyond the end of the signal.
        signal = samples_of(rows)[: n_samples - n_out]
        n_out += len(signal)
        yield signal


def _listen(noisy: np.ndarray, level: Level) -> tuple[np.ndarray, Level]:
    """Which hops of a signal are pauses, and the level that it begins with."""
    if not len(noisy):
        return is_quiet(noisy), level
    hops = whole_hops(noisy)
    known = torch.from_numpy(hops)[None].to(level.powers.device)
    level = known_level(known, level, whole=True)
    gain_db, _ = follow(known, level)
    return are_quiet(hops, gain_db[0].cpu().numpy()), level


def _enhance_stretches(
    model: DeepFilter, stretches: list[tuple[np.ndarray, int, int]], levels: list[Level]
) -> list[np.ndarray]:
    """The rows of the hops `start` to `stop` of each signal, worked on as one batch."""
    samples = [_with_end(*stretch) for stretch in stretches]
    length = max(map(len, samples))
    # The network is causal, so that zeros behind a signal do not change it.
    padded = np.stack([np.pad(part, (0, length - len(part))) for part in samples])
    # The hops before a stretch are pauses, which change no level.
    level = Level(*(torch.cat(values) for values in zip(*levels, strict=True)))
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


def _checked(noisy: np.ndarray, where: str) -> np.ndarray:
    noisy = np.asarray(noisy, np.float32)
    if noisy.ndim != 1:
        raise ValueError(f"{where}DeepFilterNet3 wants one channel [T], got shape {noisy.shape}")
    # One NaN would stay in the states and spoil all that follows.
    if not np.isfinite(noisy).all():
        n_bad = np.count_nonzero(~np.isfinite(noisy))
        raise ValueError(f"{where}DeepFilterNet3 wants finite samples, {n_bad} are NaN or infinite")
    return noisy
