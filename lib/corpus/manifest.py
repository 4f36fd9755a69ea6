"""The manifest of a prepared corpus: where it lies, how it and its pairs are read."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from lib import RUNS
from lib.audio import files
from lib.corpus.sources import Sources

SIGNALS = ("clean", "noisy", "enhanced")
TEXT = "id split group speaker clean_path noisy_path noise_path second_noise_path rir verdict reason".split()


def corpus_folder(corpus: str) -> Path:
    """Where a corpus lies."""
    return RUNS / "pairs" / corpus


def read(corpus: str) -> pd.DataFrame:
    """The manifest of a prepared corpus. Raises `FileNotFoundError` that says how to make it."""
    path = corpus_folder(corpus) / "manifest.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: prepare this corpus first (notebooks/prepare.ipynb -p corpus {corpus})"
        )
    return read_csv(path)


def check_segments(manifest: pd.DataFrame, segment_length: int) -> None:
    """Raise `ValueError` if training wants longer segments than the pieces that were saved."""
    saved = int(manifest.save_segment_length.iloc[0])
    if 0 < saved < segment_length:
        raise ValueError(
            f"segment_length = {segment_length}, but this corpus was saved in pieces of save_segment_length = {saved}"
            " samples: use shorter segments, or prepare the corpus again"
        )


def usable_rows(manifest: pd.DataFrame, split: str) -> pd.DataFrame:
    """The rows of a split that are no refused ones. Raises `ValueError` if there are none."""
    rows = manifest[(manifest.split == split) & (manifest.verdict == "ok")].reset_index(drop=True)
    if rows.empty:
        raise ValueError(
            f"the manifest has no usable row in split {split!r}: it has {dict(manifest.split.value_counts())}"
        )
    return rows


def sha256(corpus: str) -> str:
    """Hash of the manifest: the identity of the data that a run has seen."""
    return hashlib.sha256((corpus_folder(corpus) / "manifest.csv").read_bytes()).hexdigest()


def load_pair(corpus: str, row) -> dict[str, np.ndarray]:
    """The three signals `[T]` of a manifest row, by name."""
    return {name: files.read(corpus_folder(corpus) / getattr(row, name)) for name in SIGNALS}


def stored_sources(corpus: str) -> Sources:
    """The folders that a corpus was made from; they may be gone by now."""
    stored = json.loads((corpus_folder(corpus) / "plan.json").read_text())["sources"]
    return Sources(**{name: Path(path) for name, path in stored.items()})


def stored_settings(corpus: str) -> dict:
    """What a corpus was prepared with."""
    return json.loads((corpus_folder(corpus) / "plan.json").read_text())["settings"]


def rows_path(root: Path, batch: int) -> Path:
    return root / "rows" / f"{batch:06d}.csv"


def read_csv(path: Path) -> pd.DataFrame:
    text = [*TEXT, *SIGNALS]
    table = pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""])
    present = [name for name in text if name in table]
    return table.assign(**{name: table[name].fillna("") for name in present})


def write_text(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.replace(path)
