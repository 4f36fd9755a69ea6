"""Pairs and files that the tests of this folder read."""

from pathlib import Path

import numpy as np
import pandas as pd
from signals import RATE, voiced, write

from lib.audio import files

LENGTH = 4_800  # samples of a segment


def ramp_corpus(root: Path) -> tuple[Path, pd.DataFrame]:
    """Folder and rows of pairs whose samples tell their place.

    Clean is a ramp, noisy is half of it, enhanced a quarter.
    """
    rows = []
    for i, n_samples in enumerate([20_000, 9_000, 3_000, 30_000, 12_000]):
        ramp = np.arange(n_samples) / 40_000
        row = {"id": f"r{i}", "n_samples": n_samples, "bandwidth_hz": 11_025.0}
        for name, gain in (("clean", 1.0), ("noisy", 0.5), ("enhanced", 0.25)):
            row[name] = f"{name}/r{i}.flac"
            files.write(root / row[name], gain * ramp, RATE)
        rows.append(row)
    return root, pd.DataFrame(rows)


def speech_and_noise(root: Path) -> tuple[list[Path], list[Path]]:
    """Five utterances and three noises, one shorter than half a second, at 48 kHz."""
    rng = np.random.default_rng(0)
    speech = [
        write(root / f"s{i}.wav", voiced(0.8 + 0.3 * i, i), subtype="PCM_24") for i in range(5)
    ]
    noise = [
        write(root / f"n{i}.wav", 0.1 * rng.standard_normal(length))
        for i, length in enumerate([96_000, 70_000, 9_000])
    ]
    return speech, noise
