"""What MLflow shows of a corpus as the dataset of a run: its hash, its columns, its counts.

It is read from the file, a few columns of it: 360,000 pairs, of 1,000 hours, take half a second.
"""

import math
from typing import Any

import pandas as pd

from lib.audio.files import SAMPLE_RATE
from lib.corpus import manifest
from lib.corpus.splits import SPLITS

# MLflow's words for the types of pandas; all else is text.
TYPES = {"b": "boolean", "i": "long", "f": "double"}
N_TYPED = 1000  # rows from which the types are told
COUNTED = ("split", "speaker", "snr_db", "n_samples", "verdict")


def description(corpus: str) -> dict[str, Any]:
    """The arguments of `Run.dataset` that describe a prepared corpus.

    Returns: by name

    - `sha256`: of the manifest.
    - `columns`: the type of each column of the manifest: string, long, double or boolean.
    - `profile`: `num_rows`, the usable pairs; how many were `refused`; `hours`, `speakers` and
      `snr_db` (lowest, median, highest) of the usable ones; the same under each split's name.
    """
    return {
        "sha256": manifest.sha256(corpus),
        "columns": _columns(corpus),
        "profile": _profile(corpus),
    }


def counts(rows: pd.DataFrame) -> dict[str, Any]:
    """Pairs, hours, speakers and SNRs of usable rows.

    Pairs without a finite SNR, such as recorded ones, are left out of `snr_db`.

    >>> snrs = [5.0, -5.0, -math.inf]
    >>> counts(pd.DataFrame({"speaker": ["a", "a", "b"], "snr_db": snrs, "n_samples": 57_600_000}))
    {'num_rows': 3, 'hours': 1.0, 'speakers': 2, 'snr_db': [-5.0, 0.0, 5.0]}
    """
    snr_db = rows.snr_db[rows.snr_db.abs() < math.inf]
    found = [snr_db.min(), snr_db.median(), snr_db.max()] if len(snr_db) else []
    return {
        "num_rows": len(rows),
        "hours": round(float(rows.n_samples.sum()) / SAMPLE_RATE / 3600, 3),
        "speakers": int(rows.speaker.nunique()),
        "snr_db": [round(float(value), 2) for value in found],
    }


def _columns(corpus: str) -> dict[str, str]:
    path = manifest.corpus_folder(corpus) / "manifest.csv"
    text = dict.fromkeys([*manifest.TEXT_COLUMNS, *manifest.SIGNALS], str)
    head = pd.read_csv(path, nrows=N_TYPED, dtype=text)
    return {name: TYPES.get(kind.kind, "string") for name, kind in head.dtypes.items()}


def _profile(corpus: str) -> dict[str, Any]:
    path = manifest.corpus_folder(corpus) / "manifest.csv"
    # Each text is kept once.
    text = dict.fromkeys(["split", "speaker", "verdict"], "category")
    table = pd.read_csv(path, usecols=COUNTED, dtype=text, keep_default_na=False, na_values=[""])
    # Those that `manifest.read` refuses in a corpus of before are not used either.
    is_long = table.n_samples >= manifest.MIN_ITEM_LENGTH
    usable = table[(table.verdict == "ok") & is_long]
    splits = {name: counts(usable[usable.split == name]) for name in SPLITS}
    # Not nested further: the panel cuts a line after some 85 letters.
    return counts(usable) | {"refused": len(table) - len(usable)} | splits
