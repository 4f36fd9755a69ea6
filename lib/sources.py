"""Folders of speech, noise and rooms: which are used, what is in their files, and which of them are of no use, and why."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib import RUNS, audio, demo, jobs, metrics
from lib.audio import SAMPLE_RATE

N_SPLITS = 3  # train, valid, test: each wants a file of its own
TARGETS = ("speech", "clean")  # kinds of files that are restored towards
MAX_DC = 0.01  # re full scale
FAINT_DB = -45.0  # dBFS
MAX_CLIPPED_SHARE = 0.001  # of a target's samples in flat tops
LOSSY = ("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III", "GSM610", "ULAW", "ALAW")


class Sources(NamedTuple):
    """Folders of speech (one folder per speaker), noise and room impulse responses; or of speech and its noisy recordings."""

    speech: Path
    noise: Path | None = None
    room: Path | None = None
    noisy: Path | None = None


def choose(speech_dir: str = "", noise_dir: str = "", rir_dir: str = "") -> Sources:
    """The folders that are named; the embedded corpus and the bank of simulated rooms where none is."""
    speech, noise, room = (place(given) if given else None for given in (speech_dir, noise_dir, rir_dir))
    if speech is None or noise is None:
        embedded = demo.make()
        speech, noise = speech or embedded.speech, noise or embedded.noise
    return Sources(speech, noise, room or demo.make_rooms())


def of(p) -> Sources:
    """What `prepare` is to read, from its parameters (params.Prepare): own pairs, or folders to mix."""
    if p.pairs_csv:
        folder = place(p.pairs_csv).parent
        return Sources(folder, noisy=folder)
    if p.noisy_dir:
        return Sources(place(p.speech_dir), noisy=place(p.noisy_dir))
    return choose(p.speech_dir, p.noise_dir, p.rir_dir)


def place(given: str) -> Path:
    """Where a folder that a user names lies; a relative path counts from where the command was typed."""
    return Path(given).expanduser().resolve()


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
    paths = found(root, kind) if paths is None else paths
    arguments = [(path, root, kind, min_duration, bandwidth) for path in paths]
    rows = list(jobs.each(_survey_file, arguments, f"reading {kind}", n_processes))
    columns = [
        *"kind path reason".split(),
        *audio.Info._fields,
        *"bits duration level_db peak dc clipped content".split(),
    ]
    columns += ["bandwidth_hz"] if bandwidth else []
    table = pd.DataFrame(rows).reindex(columns=columns)
    if not copies:
        first = table[table.reason == ""].groupby("content").path.transform("first").reindex(table.index)
        twin = first.notna() & (first != table.path)
        table.loc[twin, "reason"] = "the same audio as " + first[twin]
    return table


def found(root: Path, kind: str, glob: str = "**/*") -> list[str]:
    """Paths below `root` of its audio files that match `glob`. Raises `ValueError` if there is none."""
    paths = [path.relative_to(root).as_posix() for path in audio.files(root, glob)]
    if not paths:
        looked_for = f"{glob} with the endings {' '.join(sorted(audio.SUFFIXES))}"
        raise ValueError(f"{root}: no {kind} files in it (looked for {looked_for})")
    return paths


def at_48_khz(paths: Sequence[Path], n_processes: int = 1) -> list[Path]:
    """The same audio at 48 kHz in one channel: files that are so already, and copies of the others, made once (24-bit FLAC).

    The copies lie under `runs/cache/48_khz`, named by a hash of path, size and time, in the order given.
    """
    made, wanted = [], []
    for path in paths:
        head, status = audio.info(path), path.stat()
        if (head.sample_rate, head.channels) == (SAMPLE_RATE, 1):
            made.append(path)
            continue
        key = hashlib.sha256(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:16]
        made.append(RUNS / "cache" / "48_khz" / f"{path.stem}_{key}{audio.EXTENSION}")
        if not made[-1].exists():
            wanted.append((path, made[-1]))
    if wanted:
        list(jobs.each(_copy_at_48_khz, wanted, "copies at 48 kHz", n_processes))
    return made


def remarks(files: pd.DataFrame) -> pd.Series:
    """What one should know of each file (surveyed with `bandwidth`) before using it as clean; empty where there is nothing."""
    fine = files.reason == ""
    notes = [  # where, of what, in which words
        (~fine, files.reason, "{}"),
        (files.codec.isin(LOSSY), files.codec, "lossy codec {}"),
        (files.bandwidth_hz < 0.95 * SAMPLE_RATE / 2, files.bandwidth_hz.map(_edge), "{}"),
        (files.sample_rate.notna() & (files.sample_rate != SAMPLE_RATE), files.sample_rate, "at {:g} Hz"),
        ((files.peak >= 0.999) & (files.clipped <= MAX_CLIPPED_SHARE), files.peak, "touches full scale"),
        (fine & (files.clipped > MAX_CLIPPED_SHARE), files.clipped, "{:.1%} clipped"),
        (files.dc.abs() > MAX_DC, files.dc, "DC of {:+.3f}"),
        (fine & (files.level_db < FAINT_DB), files.level_db, "faint ({:.0f} dBFS)"),
    ]
    said = [[text.format(x) if here else "" for here, x in zip(where, of, strict=True)] for where, of, text in notes]
    return pd.Series([", ".join(filter(None, row)) for row in zip(*said, strict=True)], files.index, dtype=object)


def origin(bandwidth_hz: float) -> str:
    """A guess at what cut a recording off there.

    >>> origin(20_500), origin(7_400), origin(10_900), origin(13_000)
    (', as Opus, AAC or MP3 leave it', ', as a rate of 16 kHz leaves it', ', as a rate of 22.05 kHz leaves it', '')
    """
    if 19_400 <= bandwidth_hz <= 20_700:
        return ", as Opus, AAC or MP3 leave it"
    rates = [
        rate for rate in (8_000, 11_025, 16_000, 22_050, 24_000, 32_000) if 0.87 <= 2 * bandwidth_hz / rate <= 1.01
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
        tables.append(files.loc[chosen.index, ["kind", "path"]].assign(criterion=name, value=chosen))
    return pd.concat(tables)[["criterion", "value", "kind", "path"]].reset_index(drop=True)


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


def speaker(path: str, root: Path, pattern: str = "") -> str:
    r"""The first folder below `speech_dir`; without one, the name of `speech_dir` itself.

    Args:
        pattern: a regular expression whose first group in the path is the speaker, for names like `book_00_reader_06709_0.wav`.

    Raises:
        ValueError: `pattern` is not found in the path.

    >>> speaker("p225/wav48/p225_001.wav", Path("vctk")), speaker("a.wav", Path("anna"))
    ('p225', 'anna')
    >>> speaker("read/book_00_reader_06709_0.wav", Path("dns"), r"reader_(\d+)")
    '06709'
    """
    if pattern:
        found = re.search(pattern, path)
        if not found:
            raise ValueError(f"speaker_pattern = {pattern!r} is not found in {path}: every path must tell its speaker")
        return found[1]
    return path.split("/")[0] if "/" in path else root.name


def _edge(bandwidth_hz: float) -> str:
    return f"holds nothing above {bandwidth_hz / 1000:.1f} kHz{origin(bandwidth_hz)}"


def _copy_at_48_khz(path: Path, copy: Path) -> None:
    signal = audio.read(path, SAMPLE_RATE)
    audio.write(copy, signal / max(1.0, float(np.abs(signal).max(initial=0.0))), SAMPLE_RATE)


def _survey_file(path: str, root: Path, kind: str, min_duration: float, bandwidth: bool) -> dict:
    row = {"kind": kind, "path": path} | audio.survey(root / path)
    if not row["reason"] and row["duration"] < min_duration:
        row["reason"] = f"{row['duration']:.3f} s long, expected at least {min_duration} s"
    if not row["reason"] and kind in TARGETS and row["clipped"] > MAX_CLIPPED_SHARE:
        row["reason"] = f"{row['clipped']:.1%} of it is clipped, expected at most {MAX_CLIPPED_SHARE:.1%}"
    if bandwidth and not row["reason"]:
        row["bandwidth_hz"] = metrics.bandwidth_hz(audio.read(root / path, SAMPLE_RATE), SAMPLE_RATE)
    return row
