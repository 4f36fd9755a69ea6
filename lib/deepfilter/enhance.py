"""noisy -> enhanced: whole signals, batches and streams of chunks."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from lib.deepfilter.grid import HOP_LENGTH, SAMPLE_RATE
from lib.deepfilter.model import DEFAULTS, DELAY, DELAY_HOPS, Settings, load
from lib.deepfilter.network import N_ERB
from lib.deepfilter.stream import DeepFilterStream, is_quiet, mirrored

BATCH_SIZE = 8  # signals at once, for the same reason


class Enhanced(NamedTuple):
    """What DeepFilterNet3 made of a signal. Row i of `gains` and `lsnr_db` is about the 20 ms that begin with sample 480 i."""

    signal: np.ndarray  # [T]
    gains: np.ndarray  # [ceil(T / 480), 32], of the ERB bands, 0 to 1
    lsnr_db: np.ndarray  # [ceil(T / 480)], the network's estimate of the SNR, -15 to 35 dB


def enhance(noisy: np.ndarray, settings: Settings = DEFAULTS, device: str = "cpu") -> np.ndarray:
    """What DeepFilterNet3 makes of a whole utterance: float32 `[T]` at 48 kHz, of the same length, lag 0.

    The network hears the utterance from its start with a warm state, never a cut out of the middle. Hops below -70 dB re
    full scale come out silent and are not heard, as in the runtime.

    Raises:
        ValueError: `noisy` is not one-dimensional or holds NaN or infinite samples.

    >>> enhance(np.zeros(1)).shape, float(np.abs(enhance(np.zeros(4_800))).max())
    ((1,), 0.0)
    """
    return enhance_batch([noisy], settings, device)[0].signal


def enhance_batch(
    signals: list[np.ndarray], settings: Settings = DEFAULTS, device: str = "cpu"
) -> list[Enhanced]:
    """`enhance` for signals of any lengths, at most 8 at once, those of like length together; with gains and local SNR.

    None hears anything of another. Those with pauses below -70 dB are done one after the other.

    >>> [result.signal.shape for result in enhance_batch([np.zeros(48_000), np.zeros(7)])]
    [(48000,), (7,)]
    """
    model = load(settings, device)
    signals = [
        _checked(noisy, f"signal {i + 1} of {len(signals)}: ") for i, noisy in enumerate(signals)
    ]
    done: dict[int, np.ndarray] = {}  # rows
    stretches = {}
    for i, noisy in enumerate(signals):
        quiet = is_quiet(noisy)
        stretch = _only_stretch(quiet)
        if stretch is None or (settings.hold_at_pauses and quiet.any()):
            done[i] = np.concatenate(list(DeepFilterStream(model).whole([noisy])))
        else:
            done[i], stretches[i] = model.silence(len(quiet)), stretch
    order = sorted(stretches, key=lambda i: stretches[i][1] - stretches[i][0])
    for first in range(0, len(order), BATCH_SIZE):
        batch = order[first : first + BATCH_SIZE]
        heard = [_with_end(signals[i], *stretches[i]) for i in batch]
        length = max(map(len, heard))
        padded = np.stack([np.pad(samples, (0, length - len(samples))) for samples in heard])
        for i, rows in zip(batch, model.rows(padded)[0], strict=True):
            start, stop = stretches[i]
            done[i][start:stop] = rows[DELAY_HOPS : DELAY_HOPS + stop - start]
    return [_unpack(done[i], len(noisy)) for i, noisy in enumerate(signals)]


def enhance_stream(
    chunks: Iterable[np.ndarray], settings: Settings = DEFAULTS, device: str = "cpu"
) -> Iterator[np.ndarray]:
    """`enhance` of a signal that comes in chunks `[n]` of any size; what it yields is as long altogether, lag 0.

    Memory does not grow with the length of the signal.

    >>> parts = enhance_stream(np.zeros(1_000) for _ in range(5))
    >>> sum(len(part) for part in parts)
    5000
    """
    n_samples = n_out = 0
    stream = DeepFilterStream(load(settings, device))

    def counted():
        nonlocal n_samples
        for chunk in chunks:
            chunk = _checked(chunk, f"behind {n_samples / SAMPLE_RATE:.2f} s: ")
            n_samples += len(chunk)
            yield chunk

    for rows in stream.whole(counted()):
        signal = rows[:, :HOP_LENGTH].ravel()[: n_samples - n_out]
        n_out += len(signal)
        yield signal


def _only_stretch(quiet: np.ndarray) -> tuple[int, int] | None:
    """Where the hops that are heard begin and end; None if there are none, or pauses between them."""
    heard = np.flatnonzero(~quiet)
    if not len(heard) or heard[-1] - heard[0] + 1 > len(heard):
        return None
    return int(heard[0]), int(heard[-1]) + 1


def _unpack(rows: np.ndarray, n_samples: int) -> Enhanced:
    signal, gains, lsnr_db = np.split(rows, [HOP_LENGTH, HOP_LENGTH + N_ERB], axis=1)
    return Enhanced(
        np.ascontiguousarray(signal).ravel()[:n_samples], gains.copy(), lsnr_db[:, 0].copy()
    )


def _with_end(signal: np.ndarray, start: int, stop: int) -> np.ndarray:
    """The hops `start` to `stop` as samples, and the three that push them out: their mirrored end."""
    heard = signal[start * HOP_LENGTH : stop * HOP_LENGTH]  # the last hop of a signal may be a part
    return np.concatenate(
        [heard, mirrored(signal[: stop * HOP_LENGTH], -len(heard) % HOP_LENGTH + DELAY)]
    )


def _checked(noisy: np.ndarray, where: str) -> np.ndarray:
    noisy = np.asarray(noisy, np.float32)
    if noisy.ndim != 1:
        raise ValueError(f"{where}DeepFilterNet3 wants one channel [T], got shape {noisy.shape}")
    if not np.isfinite(noisy).all():
        n_bad = np.count_nonzero(~np.isfinite(noisy))
        raise ValueError(f"{where}DeepFilterNet3 wants finite samples, {n_bad} are NaN or infinite")
    return noisy
