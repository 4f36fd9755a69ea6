"""The manifest of a prepared corpus: where it lies, how it and its pairs are read."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib import RUNS
from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.config.fields import MIN_ITEM_S, resolve
from lib.corpus import mix, sources
from lib.corpus.sources import Sources
from lib.runtime.whole_file import whole_file

MIN_ITEM_LENGTH = round(MIN_ITEM_S * SAMPLE_RATE)  # samples
SIGNALS = ("clean", "noisy", "enhanced")
TEXT_COLUMNS = (
    "id split group speaker clean_path noisy_path noise_path second_noise_path rir verdict reason"
    " parts equaliser codec"
).split()
# Columns that a manifest's file lacks if all its rows have these values. So corpora that were
# prepared before these columns existed are the same ones, and keep their hash.
OPTIONAL = {
    "parts": "",
    "speed": 1.0,
    "equaliser": "",
    "codec": "",
    "formant": 1.0,
    "df_gain_db": 0.0,  # the highest with which DeepFilterNet3 heard a quiet pair
}


def corpus_folder(corpus: str) -> Path:
    """The folder of a corpus."""
    return RUNS / "pairs" / corpus


def read(corpus: str) -> pd.DataFrame:
    """The manifest of a prepared corpus, a row for each pair.

    Pairs of a corpus of before that are shorter than 0.4 s are refused here.

    Raises:
        FileNotFoundError: it was not prepared; the message says how to prepare it.
    """
    path = corpus_folder(corpus) / "manifest.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: prepare this corpus first"
            f" (notebooks/prepare.ipynb -p corpus {corpus})"
        )
    table = read_csv(path)
    short = (table.verdict == "ok") & (table.n_samples < MIN_ITEM_LENGTH)
    if short.any():
        table.loc[short, "reason"] = table.n_samples[short].map(too_short)
        table.loc[short, "verdict"] = "refused"
    return table


def too_short(n_samples: int) -> str:
    """Why a pair of so few samples is no item.

    >>> too_short(7)
    '0.000 s long, expected at least 0.4 s'
    """
    return f"{n_samples / SAMPLE_RATE:.3f} s long, expected at least {MIN_ITEM_S} s"


def sha256(corpus: str) -> str:
    """Hash of the manifest: the identity of the data that a run has used."""
    return hashlib.sha256((corpus_folder(corpus) / "manifest.csv").read_bytes()).hexdigest()


def check_segments(manifest: pd.DataFrame, segment_length: int) -> None:
    """Check that the saved pieces are as long as training's segments (in samples).

    Raises:
        ValueError: they are shorter.
    """
    saved = int(manifest.save_segment_length.iloc[0])
    if 0 < saved < segment_length:
        raise ValueError(
            f"segment_length = {segment_length}, but this corpus was saved in pieces of"
            f" save_segment_length = {saved} samples: use shorter segments, or prepare the corpus"
            " again"
        )


def usable_rows(manifest: pd.DataFrame, split: str) -> pd.DataFrame:
    """The rows of a split whose pairs were not refused.

    Raises:
        ValueError: there are none.
    """
    rows = manifest[(manifest.split == split) & (manifest.verdict == "ok")].reset_index(drop=True)
    if rows.empty:
        counts = manifest.split.value_counts().to_dict()
        raise ValueError(f"the manifest has no usable row in split {split!r}: it has {counts}")
    return rows


def with_speech(manifest: pd.DataFrame) -> pd.DataFrame:
    """The rows that are not noise alone: only these have scores.

    >>> with_speech(pd.DataFrame({"snr_db": [5.0, -np.inf, np.nan]})).snr_db.tolist()
    [5.0, nan]
    """
    return manifest[manifest.snr_db != mix.NOISE_ALONE_DB]


def load_pair(corpus: str, row: Any) -> dict[str, np.ndarray]:
    """The three signals `[T]` of a manifest row, by name."""
    return {name: files.read(corpus_folder(corpus) / getattr(row, name)) for name in SIGNALS}


def snr_text(row: Mapping[str, Any]) -> str:
    """The SNR of a row, for titles; that of a recorded pair is unknown.

    NaN means that there is no noise, -inf that there is no speech.

    >>> [snr_text({"snr_db": snr_db}) for snr_db in (5.0, float("nan"), -float("inf"))]
    ['5 dB', 'no noise', 'noise alone']
    >>> snr_text({"snr_db": float("nan"), "noisy_path": "a.wav"})
    'recorded'
    """
    if np.isfinite(row["snr_db"]):
        return f"{row['snr_db']:g} dB"
    if row.get("noisy_path"):
        return "recorded"
    return "noise alone" if row["snr_db"] == -np.inf else "no noise"


def stored_sources(corpus: str) -> Sources:
    """The folders that a corpus was made from; they may not exist any more."""
    folders = json.loads((corpus_folder(corpus) / "plan.json").read_text())["sources"]
    # Those below `runs`, such as the embedded corpus, move with it.
    return Sources(**{name: RUNS / path for name, path in folders.items()})


def sources_text(folders: Sources) -> dict[str, str]:
    """The folders as text for `stored_sources`; those below `runs` count from there."""
    return {
        name: str(path.relative_to(RUNS) if path.is_relative_to(RUNS) else path)
        for name, path in folders._asdict().items()
        if path
    }


def stored_settings(corpus: str) -> dict:
    """The settings that a corpus was prepared with."""
    return json.loads((corpus_folder(corpus) / "plan.json").read_text())["settings"]


def inspected_folders(corpus: str, speech_dir: str = "", noise_dir: str = "") -> dict[str, Path]:
    """The folders that `inspect` looks at, by kind of file.

    They are the given ones; without any, those that `corpus` was made from; before it is prepared,
    the embedded corpus.
    """
    given = {"speech": speech_dir, "noise": noise_dir}
    if any(given.values()):
        return {kind: resolve(path) for kind, path in given.items() if path}
    prepared = (corpus_folder(corpus) / "plan.json").exists()
    folders = stored_sources(corpus) if prepared else sources.choose()
    return {kind: path for kind, path in folders._asdict().items() if path}


def rows_path(root: Path, batch: int) -> Path:
    """The file with the rows of a batch, below the corpus folder `root`."""
    return root / "rows" / f"{batch:06d}.csv"


def read_csv(path: Path) -> pd.DataFrame:
    """A table of manifest rows; text columns hold text, "" where nothing is written.

    The optional columns come last, whether the file has them or not.
    """
    text = [*TEXT_COLUMNS, *SIGNALS]
    table = pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""])
    present = [name for name in text if name in table]
    table = table.assign(**{name: table[name].fillna("") for name in present})
    optional = {
        name: table[name].fillna(value) if name in table else value
        for name, value in OPTIONAL.items()
    }
    return table.drop(columns=[*OPTIONAL], errors="ignore").assign(**optional)


def without_unused(table: pd.DataFrame) -> pd.DataFrame:
    """A table of rows without the optional columns that say nothing.

    >>> without_unused(pd.DataFrame({"id": ["a"], "speed": [1.0], "codec": ["mp3_50k"]})).columns
    Index(['id', 'codec'], dtype='str')
    """
    unused = [
        name for name, value in OPTIONAL.items() if name in table and (table[name] == value).all()
    ]
    return table.drop(columns=unused)


def write_text(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all."""
    with whole_file(path) as file:
        file.write(text.encode())
