"""noisy -> enhanced for whole signals, for batches of them and for streams of chunks."""

from collections.abc import Iterable, Iterator

import numpy as np

from lib.deepfilter.batches import enhance_signals
from lib.deepfilter.grid import SAMPLE_RATE
from lib.deepfilter.model import load
from lib.deepfilter.rows import Enhanced, samples_of
from lib.deepfilter.settings import DEFAULTS, Settings
from lib.deepfilter.stream import open_stream


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
    signals = [
        _checked(noisy, f"signal {i + 1} of {len(signals)}: ") for i, noisy in enumerate(signals)
    ]
    return enhance_signals(load(settings, device), signals)


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


def _checked(noisy: np.ndarray, where: str) -> np.ndarray:
    noisy = np.asarray(noisy, np.float32)
    if noisy.ndim != 1:
        raise ValueError(f"{where}DeepFilterNet3 wants one channel [T], got shape {noisy.shape}")
    # One NaN would stay in the states and spoil all that follows.
    if not np.isfinite(noisy).all():
        n_bad = np.count_nonzero(~np.isfinite(noisy))
        raise ValueError(f"{where}DeepFilterNet3 wants finite samples, {n_bad} are NaN or infinite")
    return noisy
