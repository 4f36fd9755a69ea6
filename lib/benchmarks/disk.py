"""Reading speed with a cold and with a warm cache of the operating system."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lib.audio import files
from lib.runtime.progress import progress


def read_speeds(paths: Sequence[Path], n_samples: int, seed: int = 0) -> pd.DataFrame:
    """The speed of one segment of each file, and of the whole files, cold and then warm.

    Args:
        paths: audio files.
        n_samples: of a segment; shorter files are read whole.
        seed: of the places of the segments.

    Returns: a row for each cache (cold, warm), with the columns cache, ms (of a segment), mb_per_s
        (of whole files).
    """
    rng = np.random.default_rng(seed)
    segments = []
    for path in paths:
        n_file_samples = files.info(path).n_samples
        start = int(rng.integers(max(n_file_samples - n_samples, 0) + 1))
        segments.append((path, start, min(n_samples, n_file_samples)))
    rows = []
    # Each pass warms the cache for the next one.
    for cache in ("cold", "warm"):
        if cache == "cold":
            _drop_from_cache(paths)
        began = time.perf_counter()
        for path, start, length in progress(segments, f"segments, {cache} cache"):
            files.read(path, start=start, n_samples=length)
        segment_ms = 1000 * (time.perf_counter() - began) / len(paths)
        # The segments have warmed parts of the files.
        if cache == "cold":
            _drop_from_cache(paths)
        began = time.perf_counter()
        # Not decoded: it is the disk that is measured here.
        n_bytes = sum(len(path.read_bytes()) for path in paths)
        mb_per_s = n_bytes / 2**20 / (time.perf_counter() - began)
        rows.append({"cache": cache, "ms": segment_ms, "mb_per_s": mb_per_s})
    return pd.DataFrame(rows)


def _drop_from_cache(paths: Sequence[Path]) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # pages that are not yet written are not dropped
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
