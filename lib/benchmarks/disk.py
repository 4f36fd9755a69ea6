"""Reading speed with a cold and with a warm cache."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lib.audio import files
from lib.runtime.progress import progress


def read_speeds(paths: Sequence[Path], n_samples: int, seed: int = 0) -> pd.DataFrame:
    """One segment of each file, read with a cold cache and then with a warm one: columns cache, ms (a segment), mb_per_s (whole
    files' bytes over the time in which they are read whole)."""
    rng, rows = np.random.default_rng(seed), []
    starts = [
        int(rng.integers(max(files.info(path).n_samples - n_samples, 0) + 1)) for path in paths
    ]
    for cache in ("cold", "warm"):
        if cache == "cold":
            _forget(paths)
        began = time.perf_counter()
        for path, start in zip(progress(paths, f"segments, {cache} cache"), starts, strict=True):
            files.read(path, start=start, n_samples=min(n_samples, files.info(path).n_samples))
        segment_ms = 1000 * (time.perf_counter() - began) / len(paths)
        if cache == "cold":
            _forget(paths)
        began = time.perf_counter()
        n_bytes = sum(len(path.read_bytes()) for path in paths)
        rows.append(
            {
                "cache": cache,
                "ms": segment_ms,
                "mb_per_s": n_bytes / 2**20 / (time.perf_counter() - began),
            }
        )
    return pd.DataFrame(rows)


def _forget(paths: Sequence[Path]) -> None:
    """Drop files from the operating system's cache."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
