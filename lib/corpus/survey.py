"""What is in audio files: header, level, bandwidth, faults, and why a file is not usable."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lib.audio import levels
from lib.audio.bandwidth import bandwidth_hz
from lib.audio.files import SAMPLE_RATE, AudioError, Info, info, read
from lib.audio.levels import SILENT_PEAK
from lib.corpus import sources
from lib.runtime import parallel


def survey_file(path: Path) -> dict:
    """What a file's header says, what its samples say, and why it cannot be used, if so.

    `reason` is empty for a usable file; `content` is a hash of its samples; the rest holds what could be found out.
    """
    row = {"reason": ""}
    try:
        head = info(path)
        row |= head._asdict() | {"duration": head.duration, "bits": head.bits}
        signal = read(path)
    except AudioError as error:
        return row | {"reason": str(error).removeprefix(f"{path}: ")}
    row |= {"level_db": levels.level_db(signal), "peak": float(np.max(np.abs(signal), initial=0.0))}
    row["dc"] = float(np.mean(signal, dtype=np.float64)) if len(signal) else 0.0
    row["clipped"] = levels.clipped_share(signal)
    row["content"] = hashlib.sha256(signal.tobytes()).hexdigest()[:16]
    if row["peak"] < SILENT_PEAK:
        row["reason"] = f"silent (peak {row['peak']:.1e}, expected at least {SILENT_PEAK:.0e})"
    return row


N_SPLITS = 3  # train, valid, test: each wants a file of its own
TARGET_KINDS = ("speech", "clean")  # kinds of files that are restored towards
MAX_DC = 0.01  # re full scale
FAINT_DB = -45.0  # dBFS
MAX_CLIPPED_SHARE = 0.001  # of a target's samples in flat tops
LOSSY = (
    "VORBIS",
    "OPUS",
    "MPEG_LAYER_I",
    "MPEG_LAYER_II",
    "MPEG_LAYER_III",
    "GSM610",
    "ULAW",
    "ALAW",
)


def survey(
    root: Path,
    kind: str,
    n_processes: int = 1,
    min_duration: float = 0.0,
    bandwidth: bool = False,
    paths: Sequence[str] | None = None,
    copies: bool = False,
) -> pd.DataFrame:
    """Audio files below `root`, read whole: a row each with header, level, peak and, in `reason`, why it is of no use.

    A file that holds the same audio as one before it is of no use: it could be in two splits.

    Args:
        kind: what these files are; the column `kind`.
        min_duration: seconds; a shorter file is of no use.
        bandwidth: find out what each file really holds, too (column `bandwidth_hz`).
        paths: of the files, below `root`; all by default.
        copies: files with the same audio are all of use.

    Raises:
        ValueError: there is no audio file.
    """
    paths = sources.find_files(root, kind) if paths is None else paths
    arguments = [(path, root, kind, min_duration, bandwidth) for path in paths]
    rows = list(parallel.each(_survey_file, arguments, f"reading {kind}", n_processes))
    columns = [
        *"kind path reason".split(),
        *Info._fields,
        *"bits duration level_db peak dc clipped content".split(),
    ]
    columns += ["bandwidth_hz"] if bandwidth else []
    table = pd.DataFrame(rows).reindex(columns=columns)
    if not copies:
        first = (
            table[table.reason == ""]
            .groupby("content")
            .path.transform("first")
            .reindex(table.index)
        )
        twin = first.notna() & (first != table.path)
        table.loc[twin, "reason"] = "the same audio as " + first[twin]
    return table


def remarks(files: pd.DataFrame) -> pd.Series:
    """What one should know of each file (surveyed with `bandwidth`) before using it as clean; empty where there is nothing."""
    fine = files.reason == ""
    notes = [  # where, of what, in which words
        (~fine, files.reason, "{}"),
        (files.codec.isin(LOSSY), files.codec, "lossy codec {}"),
        (files.bandwidth_hz < 0.95 * SAMPLE_RATE / 2, files.bandwidth_hz.map(_edge), "{}"),
        (
            files.sample_rate.notna() & (files.sample_rate != SAMPLE_RATE),
            files.sample_rate,
            "at {:g} Hz",
        ),
        (
            (files.peak >= 0.999) & (files.clipped <= MAX_CLIPPED_SHARE),
            files.peak,
            "touches full scale",
        ),
        (fine & (files.clipped > MAX_CLIPPED_SHARE), files.clipped, "{:.1%} clipped"),
        (files.dc.abs() > MAX_DC, files.dc, "DC of {:+.3f}"),
        (fine & (files.level_db < FAINT_DB), files.level_db, "faint ({:.0f} dBFS)"),
    ]
    said = [
        [text.format(x) if here else "" for here, x in zip(where, of, strict=True)]
        for where, of, text in notes
    ]
    return pd.Series(
        [", ".join(filter(None, row)) for row in zip(*said, strict=True)], files.index, dtype=object
    )


def likely_cause(edge_hz: float) -> str:
    """A guess at what cut a recording off there.

    >>> likely_cause(20_500), likely_cause(7_400), likely_cause(10_900), likely_cause(13_000)
    (', as Opus, AAC or MP3 leave it', ', as a rate of 16 kHz leaves it', ', as a rate of 22.05 kHz leaves it', '')
    """
    if 19_400 <= edge_hz <= 20_700:
        return ", as Opus, AAC or MP3 leave it"
    rates = [
        rate
        for rate in (8_000, 11_025, 16_000, 22_050, 24_000, 32_000)
        if 0.87 <= 2 * edge_hz / rate <= 1.01
    ]
    return f", as a rate of {rates[0] / 1000:g} kHz leaves it" if rates else ""


def worst(files: pd.DataFrame, n: int = 10) -> pd.DataFrame:
    """The `n` files that are worst by each criterion, a row each: criterion, value, kind, path."""
    criteria = {  # values, and whether the smallest are the worst
        "lowest bandwidth (Hz)": (files.bandwidth_hz, True),
        "most clipped (share)": (files.clipped.where(files.clipped > 0), False),
        "strongest DC": (files.dc.abs(), False),
        "faintest (dBFS)": (files.level_db.replace(-np.inf, np.nan), True),
        "shortest (s)": (files.duration, True),
    }
    tables = []
    for name, (values, smallest) in criteria.items():
        chosen = values.dropna().sort_values(ascending=smallest, kind="stable").head(n)
        tables.append(
            files.loc[chosen.index, ["kind", "path"]].assign(criterion=name, value=chosen)
        )
    return pd.concat(tables)[["criterion", "value", "kind", "path"]].reset_index(drop=True)


def require_enough(root: Path, kind: str, table: pd.DataFrame) -> pd.DataFrame:
    """The usable rows of a `survey`, if they can fill three splits; else `ValueError` that names the bad files."""
    bad = table[table.reason != ""]
    if len(table) - len(bad) < N_SPLITS:
        named = "".join(f"; {row.path}: {row.reason}" for row in bad.head(5).itertuples())
        raise ValueError(
            f"{root}: {len(table) - len(bad)} usable {kind} files of {len(table)}, expected at least one for each of"
            f" train, valid and test{named}"
        )
    return table[table.reason == ""]


def _edge(edge_hz: float) -> str:
    return f"holds nothing above {edge_hz / 1000:.1f} kHz{likely_cause(edge_hz)}"


def _survey_file(path: str, root: Path, kind: str, min_duration: float, bandwidth: bool) -> dict:
    row = {"kind": kind, "path": path} | survey_file(root / path)
    if not row["reason"] and row["duration"] < min_duration:
        row["reason"] = f"{row['duration']:.3f} s long, expected at least {min_duration} s"
    if not row["reason"] and kind in TARGET_KINDS and row["clipped"] > MAX_CLIPPED_SHARE:
        row["reason"] = (
            f"{row['clipped']:.1%} of it is clipped, expected at most {MAX_CLIPPED_SHARE:.1%}"
        )
    if bandwidth and not row["reason"]:
        row["bandwidth_hz"] = bandwidth_hz(read(root / path, SAMPLE_RATE), SAMPLE_RATE)
    return row
