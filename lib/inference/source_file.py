"""Reading a recording, whole or block by block: float32 `[T, C]`; missing samples and NaN raise.

An MP3 may end up to half a second before its header says: it gets silence up to there.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lib.audio.files import max_shortfall
from lib.audio.opening import AudioError, open_sound


def read_whole(path: Path) -> np.ndarray:
    """All samples of a file, `[T, C]`. Raises `AudioError` if some are missing or not finite."""
    with open_sound(path) as file:
        # Of some codecs the number has to be said.
        signal = file.read(file.frames, dtype="float32", always_2d=True)
        return _checked(path, signal, file.frames, max_shortfall(file))


def read_blocks(path: Path, seconds: float) -> Iterator[tuple[np.ndarray, bool]]:
    """Blocks `[n, C]` of at most `seconds`, and whether the block is the last one.

    Raises `AudioError` at a block in which samples are missing or not finite.
    """
    with open_sound(path) as file:
        # What the header promises: a truncated file holds less, which `_checked` finds.
        n_left, shortfall = file.frames, max_shortfall(file)
        while n_left > 0:
            n_samples = min(n_left, round(seconds * file.samplerate))
            block = file.read(n_samples, dtype="float32", always_2d=True)
            n_left -= n_samples
            yield _checked(path, block, n_samples, shortfall), n_left <= 0
            shortfall -= n_samples - len(block)


def _checked(path: Path, block: np.ndarray, n_samples: int, shortfall: int) -> np.ndarray:
    """`block` `[n_samples, C]`; up to `shortfall` missing samples are zeros."""
    n_missing = n_samples - len(block)
    if n_missing > shortfall:
        raise AudioError(f"{path}: {n_missing} of its samples cannot be read: truncated?")
    if n_bad := np.count_nonzero(~np.isfinite(block)):
        raise AudioError(f"{path}: {n_bad} samples are NaN or infinite")
    return np.pad(block, ((0, n_missing), (0, 0))) if n_missing else block
