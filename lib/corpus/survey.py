"""What is in audio files: header, level, bandwidth, faults, and why a file is not usable."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from lib import audio
from lib.audio import levels
from lib.audio.bandwidth import bandwidth_hz
from lib.audio.files import SAMPLE_RATE, AudioError, Info, info, printable, read, resample
from lib.audio.levels import SILENT_PEAK
from lib.corpus import sources
from lib.corpus.splits import SPLITS
from lib.runtime import cache, parallel

TARGET_KINDS = ("speech", "clean")  # kinds of files that training restores towards
MAX_CLIPPED_SHARE = 0.001  # of a target's samples in flat tops
COLUMNS = (
    *("kind", "path", "reason"),
    *Info._fields,
    *("bits", "duration", "level_db", "peak", "dc", "clipped", "content"),
)

MIN_RATE = 4_000  # Hz, of a recording: a header with less is a mistake


def survey(
    root: Path,
    kind: str,
    n_processes: int = 1,
    min_duration: float = 0.0,
    bandwidth: bool = False,
    paths: Sequence[str] | None = None,
    copies: bool = False,
) -> pd.DataFrame:
    """Read the audio files below `root` whole: a row each (see `survey_file`), with `reason`.

    A file that was read before, and has the same size and time of change, is not read again.

    `reason` says why a file is not usable; it is empty for a usable one. Of several files with the
    same audio only the first is usable, since the others could be in another split.

    Args:
        kind: of these files; the column `kind`.
        min_duration: seconds; a shorter file is not usable.
        bandwidth: also measure `bandwidth_hz`, the highest frequency that a file holds.
        paths: of the files, below `root`; all by default.
        copies: files with the same audio are all usable.

    Raises:
        ValueError: there is no audio file.
    """
    paths = sources.find_files(root, kind) if paths is None else paths
    stamps = [_stamp(root / path, bandwidth) for path in paths]
    measured = [stamp and cache.get("survey", stamp) for stamp in stamps]
    missing = [i for i, row in enumerate(measured) if row is None]
    arguments = [(root / paths[i], bandwidth) for i in missing]
    results = parallel.each(survey_file, arguments, f"reading {kind}", n_processes)
    # Stored one by one, so that a survey that was killed goes on.
    for i, row in zip(missing, results, strict=True):
        measured[i] = row
        if stamps[i] and "content" in row:
            cache.get_or_compute("survey", stamps[i], lambda row=row: row)
    rows = [
        {"kind": kind, "path": printable(path)} | _judged(row, kind, min_duration)
        for path, row in zip(paths, measured, strict=True)
    ]
    columns = [*COLUMNS, "bandwidth_hz"] if bandwidth else [*COLUMNS]
    table = pd.DataFrame(rows).reindex(columns=columns)
    if not copies:
        by_content = table[table.reason == ""].groupby("content")
        first = by_content.path.transform("first").reindex(table.index)
        is_copy = first.notna() & (first != table.path)
        table.loc[is_copy, "reason"] = "the same audio as " + first[is_copy]
    return table


def survey_file(path: Path, bandwidth: bool = False) -> dict:
    """A file's header (see `Info`), its samples in numbers, and in `reason` why it is not usable.

    duration is in seconds, level_db in dBFS, peak and dc re full scale, clipped is a share of the
    samples, content a hash of them. Of an unusable file only what could be read is there.

    Args:
        bandwidth: also measure `bandwidth_hz`, if the file is usable.
    """
    row = {"reason": ""}
    # A manifest is a text file, and must lead back to the file.
    if printable(path) != str(path):
        return row | {"reason": "its name is not UTF-8: rename the file"}
    try:
        head = info(path)
        row |= head._asdict() | {"duration": head.duration, "bits": head.bits}
        signal = read(path)
    except AudioError as error:
        return row | {"reason": str(error).removeprefix(f"{path}: ")}
    if not len(signal):
        return row | {"reason": "holds no samples"}
    if head.sample_rate < MIN_RATE:
        return row | {"reason": f"at {head.sample_rate} Hz, expected at least {MIN_RATE} Hz"}
    # An MP3's header only estimates its length.
    row |= {"n_samples": len(signal), "duration": len(signal) / head.sample_rate}
    row["level_db"] = levels.level_db(signal)
    row["peak"] = float(np.max(np.abs(signal)))
    row["dc"] = float(np.mean(signal, dtype=np.float64))
    row["clipped"] = levels.clipped_share(signal)
    row["content"] = hashlib.sha256(signal.tobytes()).hexdigest()[:16]
    if row["peak"] < SILENT_PEAK:
        row["reason"] = f"silent (peak {row['peak']:.1e}, expected at least {SILENT_PEAK:.0e})"
    elif bandwidth:
        signal = resample(signal, head.sample_rate, SAMPLE_RATE)
        row["bandwidth_hz"] = bandwidth_hz(signal, SAMPLE_RATE)
    return row


def require_enough(root: Path, kind: str, table: pd.DataFrame) -> pd.DataFrame:
    """The usable rows of a `survey`, if there are enough for three splits.

    Raises:
        ValueError: there are too few; the message names the first unusable files.
    """
    bad = table[table.reason != ""]
    n_usable = len(table) - len(bad)
    if n_usable < len(SPLITS):
        named = "".join(f"; {row.path}: {row.reason}" for row in bad.head(5).itertuples())
        raise ValueError(
            f"{root}: {n_usable} usable {kind} files of {len(table)}, expected at least one for"
            f" each of {', '.join(SPLITS)}{named}"
        )
    return table[table.reason == ""]


def _judged(measured: dict, kind: str, min_duration: float) -> dict:
    """The row of `survey_file`, with the reason why such a file is not usable for this purpose."""
    row = dict(measured)
    if not row["reason"] and row["duration"] < min_duration:
        row["reason"] = f"{row['duration']:.3f} s long, expected at least {min_duration} s"
    if not row["reason"] and kind in TARGET_KINDS and row["clipped"] > MAX_CLIPPED_SHARE:
        row["reason"] = (
            f"{row['clipped']:.1%} of it is clipped, expected at most {MAX_CLIPPED_SHARE:.1%}"
        )
    if row["reason"]:
        row.pop("bandwidth_hz", None)
    return row


def _stamp(path: Path, bandwidth: bool) -> list | None:
    """What the row of a file follows from, as far as its folder tells; None if it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [str(path.resolve()), status.st_size, status.st_mtime_ns, bandwidth, _version()]


@lru_cache(1)
def _version() -> str:
    """What reads and measures a file: the code, and libsndfile."""
    paths = [*sorted(Path(audio.__file__).parent.glob("*.py")), Path(__file__)]
    code = b"".join(path.read_bytes() for path in paths)
    return f"{hashlib.sha256(code).hexdigest()[:16]} {soundfile.__libsndfile_version__}"
