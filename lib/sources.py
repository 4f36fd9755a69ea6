"""Folders of speech, noise and rooms: which are used, what is in their files, and which of them are of no use, and why."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
from joblib import Parallel, delayed

from lib import audio, demo, metrics
from lib.progress import progress

SAMPLE_RATE = 48_000
N_SPLITS = 3  # train, valid, test: each wants a file of its own
LOSSY = ("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III", "GSM610", "ULAW", "ALAW")


class Sources(NamedTuple):
    """Folders of speech (one folder per speaker), noise and room impulse responses."""

    speech: Path
    noise: Path
    room: Path


def choose(speech_dir: str = "", noise_dir: str = "", rir_dir: str = "") -> Sources:
    """The folders that are named; the embedded corpus and the bank of simulated rooms where none is."""
    speech, noise, room = (place(given) if given else None for given in (speech_dir, noise_dir, rir_dir))
    if speech is None or noise is None:
        embedded = demo.make()
        speech, noise = speech or embedded.speech, noise or embedded.noise
    return Sources(speech, noise, room or demo.make_rooms())


def place(given: str) -> Path:
    """Where a folder that a user names lies; a relative path counts from where the command was typed."""
    return Path(given).expanduser().resolve()


def survey(
    root: Path, kind: str, n_processes: int = 1, min_duration: float = 0.0, bandwidth: bool = False
) -> pd.DataFrame:
    """Every audio file below `root`, read whole: a row each with header, level, peak and, in `reason`, why it is of no use.

    Args:
        kind: speech, noise or room; the column `kind`.
        min_duration: seconds; a shorter file is of no use.
        bandwidth: find out what each file really holds, too (column `bandwidth_hz`).

    Raises:
        ValueError: there is no audio file.
    """
    found = audio.files(root)
    if not found:
        raise ValueError(f"{root}: no {kind} files in it (looked for {' '.join(sorted(audio.SUFFIXES))})")
    jobs = (delayed(_survey_file)(path, root, kind, min_duration, bandwidth) for path in found)
    rows = Parallel(n_processes, return_as="generator", inner_max_num_threads=1)(jobs)
    columns = ["kind", "path", "reason", *audio.Info._fields, "duration", "level_db", "peak"]
    columns += ["bandwidth_hz"] if bandwidth else []
    return pd.DataFrame(list(progress(rows, f"reading {kind}", total=len(found)))).reindex(columns=columns)


def remarks(files: pd.DataFrame) -> pd.Series:
    """What a reader should know of each surveyed file before using it as clean speech; empty where there is nothing."""
    lossy = files.codec.isin(LOSSY).map({True: "lossy codec", False: ""})
    edge = files.bandwidth_hz < 0.95 * SAMPLE_RATE / 2
    band = (files.bandwidth_hz / 1000).map("holds nothing above {:.1f} kHz".format).where(edge, "")
    clipped = (files.peak >= 0.999).map({True: "touches full scale", False: ""})
    parts = pd.concat([files.reason, lossy, band, clipped], axis=1)
    return parts.apply(lambda row: ", ".join(part for part in row if part), axis=1)


def enough(root: Path, kind: str, table: pd.DataFrame) -> pd.DataFrame:
    """The usable rows of a `survey`, if they can fill three splits; else `ValueError` that names the bad files."""
    bad = table[table.reason != ""]
    if len(table) - len(bad) < N_SPLITS:
        named = "".join(f"; {row.path}: {row.reason}" for row in bad.head(5).itertuples())
        raise ValueError(
            f"{root}: {len(table) - len(bad)} usable {kind} files of {len(table)}, expected at least one for each of"
            f" train, valid and test{named}"
        )
    return table[table.reason == ""]


def speaker(path: str, root: Path) -> str:
    """The first folder below `speech_dir`; without one, the name of `speech_dir` itself.

    >>> speaker("p225/wav48/p225_001.wav", Path("vctk")), speaker("a.wav", Path("anna"))
    ('p225', 'anna')
    """
    return path.split("/")[0] if "/" in path else root.name


def _survey_file(path: Path, root: Path, kind: str, min_duration: float, bandwidth: bool) -> dict:
    row = {"kind": kind} | audio.survey(path, root)
    if not row["reason"] and row["duration"] < min_duration:
        row["reason"] = f"{row['duration']:.3f} s long, expected at least {min_duration} s"
    if bandwidth and not row["reason"]:
        row["bandwidth_hz"] = metrics.bandwidth_hz(audio.read(path, SAMPLE_RATE), SAMPLE_RATE)
    return row
