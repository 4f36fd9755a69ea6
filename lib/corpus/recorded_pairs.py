"""Pairs that a user brings, without synthesis: found by a CSV or by equal names in two folders, then aligned.

A recording and its clean reference seldom begin together, nor at one level. Lag, gain and polarity are estimated and removed from
the clean one; what cannot be aligned is refused by name.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib.audio import align
from lib.audio.files import SAMPLE_RATE, info, read
from lib.corpus import sources, survey
from lib.corpus.sources import Sources

MAX_DRIFT = 5  # samples (0.1 ms) by which the lags of both halves may differ: two recorders' clocks drift apart
COLUMNS = ("clean", "noisy")


class AlignedPair(NamedTuple):
    """`noisy` and the `clean` that belongs to it, sample by sample, and what was removed to get there."""

    clean: np.ndarray
    noisy: np.ndarray
    lag: int  # samples by which noisy came late
    gain_db: float  # of the speech in noisy over clean
    inverted: bool


def find_pairs(p, given: Sources) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The pairs, a row each (clean_path, noisy_path, speaker, split, duration), and all files with why some are of no use.

    Paths are relative to the folders of `given`. In a CSV (`p.pairs_csv`: columns clean and noisy, optional speaker and split)
    they count from its own folder. The column `content` is a hash of the clean audio: copies of it belong together.

    Raises:
        ValueError: the CSV lacks a column, names an unknown split, or puts a file or copies of one into two splits; two files
            have one name up to their ending; no pair is left.
    """
    listed = _listed(p.pairs_csv) if p.pairs_csv else _matched(p, given)
    files = pd.concat([
        survey.survey(folder, kind, p.n_processes, p.min_duration, paths=sorted(set(listed[kind]) - {""}), copies=True)
        for kind, folder in (("clean", given.speech), ("noisy", given.noisy))
    ])  # fmt: skip
    reasons = {
        kind: dict(zip(rows.path, rows.reason, strict=True)) for kind, rows in files.groupby("kind")
    }
    durations = dict(
        zip(files.path[files.kind == "noisy"], files.duration[files.kind == "noisy"], strict=True)
    )
    fine = {
        kind: listed[kind].map(reasons[kind]) == "" for kind in COLUMNS
    }  # not so where there is no file
    pairs = listed[fine["clean"] & fine["noisy"]].rename(
        columns={"clean": "clean_path", "noisy": "noisy_path"}
    )
    files = pd.concat(
        [files, *(_alone(listed, reasons, kind) for kind in COLUMNS)], ignore_index=True
    )
    if pairs.empty:
        named = "".join(
            f"; {row.path}: {row.reason}" for row in files[files.reason != ""].head(5).itertuples()
        )
        raise ValueError(
            f"{p.pairs_csv or given.noisy}: no pair of usable files among {len(listed)}{named}"
        )
    speakers = [said or sources.speaker_of(path, given.speech, p.speaker_pattern)
                for said, path in zip(pairs.speaker, pairs.clean_path, strict=True)]  # fmt: skip
    contents = dict(
        zip(files.path[files.kind == "clean"], files.content[files.kind == "clean"], strict=True)
    )
    pairs = pairs.assign(
        speaker=speakers,
        duration=pairs.noisy_path.map(durations),
        content=pairs.clean_path.map(contents),
    )
    torn = pairs[pairs.split != ""].groupby("content").split.nunique()
    if (torn > 1).any():
        both = pairs[pairs.content == torn.idxmax()].drop_duplicates("split").clean_path.tolist()
        raise ValueError(
            f"{p.pairs_csv}: {both[0]} and {both[1]} hold the same audio and are in two splits"
        )
    return pairs.reset_index(drop=True), files


def align_pair(row, given: Sources, max_lag_ms: float, max_length_difference: float) -> AlignedPair:
    """Read a pair and align it: `noisy` is cut, `clean` is brought to the level and polarity of the speech in it.

    The gain is that of the projection of `noisy` on `clean`, which noise does not change.

    Raises:
        ValueError: rates differ, lengths differ by more than `max_length_difference` seconds, no sure lag of at most
            `max_lag_ms`, or a lag that drifts.
    """
    paths = given.speech / row.clean_path, given.noisy / row.noisy_path
    rates = [info(path).sample_rate for path in paths]
    if rates[0] != rates[1]:
        raise ValueError(f"sample rates differ: clean {rates[0]} Hz, noisy {rates[1]} Hz")
    clean, noisy = (read(path, SAMPLE_RATE) for path in paths)
    difference = (len(noisy) - len(clean)) / SAMPLE_RATE
    if abs(difference) > max_length_difference:
        raise ValueError(
            f"lengths differ by {difference:+.2f} s, expected at most {max_length_difference} s"
        )
    max_lag = round(max_lag_ms * SAMPLE_RATE / 1000)
    whole = align.lag(noisy, clean, max_lag)
    if whole.confidence < align.MIN_CONFIDENCE:
        raise ValueError(
            f"noisy cannot be aligned with clean within {max_lag_ms:g} ms: confidence {whole.confidence:.1f},"
            f" expected at least {align.MIN_CONFIDENCE}"
        )
    clean, noisy = (
        align.advance(clean, -min(whole.samples, 0)),
        align.advance(noisy, max(whole.samples, 0)),
    )
    n_samples = min(len(clean), len(noisy))
    clean, noisy = clean[:n_samples], noisy[:n_samples]
    halves = align.lags(*(np.array_split(part, 2) for part in (noisy, clean)))
    left = [lag.samples for lag in halves if lag.confidence >= align.MIN_CONFIDENCE]
    if left and np.ptp([0, *left]) > MAX_DRIFT:
        raise ValueError(
            f"the lag drifts: {left} samples are left of it in the halves, expected at most {MAX_DRIFT}"
        )
    gain = float(noisy.astype(np.float64) @ clean / max(clean.astype(np.float64) @ clean, 1e-12))
    if not gain:
        raise ValueError("noisy holds nothing of clean")
    clean = np.float32(gain) * clean
    return AlignedPair(clean, noisy, whole.samples, 20 * float(np.log10(abs(gain))), gain < 0)


def _listed(path: str) -> pd.DataFrame:
    """The rows of a CSV, as text."""
    try:
        table = pd.read_csv(sources.place(path), dtype=str, keep_default_na=False)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path}: not readable as CSV ({error})") from None
    if missing := [name for name in COLUMNS if name not in table]:
        raise ValueError(
            f"{path}: expected the columns clean and noisy, found no {' and no '.join(missing)} in {list(table)}"
        )
    table = table.assign(
        **{name: table[name] if name in table else "" for name in ("speaker", "split")}
    )
    if wrong := sorted(set(table.split) - {"", "train", "valid", "test"}):
        raise ValueError(f"{path}: split {wrong[0]!r}, expected train, valid, test or nothing")
    for name in COLUMNS:
        torn = table.groupby(name).split.nunique()
        if (torn > 1).any():
            raise ValueError(
                f"{path}: {torn.idxmax()} is in two splits: nothing that is tested may be trained on"
            )
    return table[[*COLUMNS, "speaker", "split"]]


def _matched(p, given: Sources) -> pd.DataFrame:
    """Files of both folders with the same path up to the ending; "" where there is none."""
    found = {}
    for name, folder in zip(COLUMNS, (given.speech, given.noisy), strict=True):
        for path in sources.find_files(folder, name, p.speech_glob):
            pair = found.setdefault(Path(path).with_suffix("").as_posix(), {})
            if name in pair:
                raise ValueError(
                    f"{folder}: {pair[name]} and {path} have one name: which is the other folder's partner?"
                )
            pair[name] = path
    table = (
        pd.DataFrame.from_dict(found, orient="index")
        .sort_index()
        .reindex(columns=COLUMNS)
        .fillna("")
    )
    return table.assign(speaker="", split="").reset_index(drop=True)


def _alone(listed: pd.DataFrame, reasons: dict, kind: str) -> pd.DataFrame:
    """Files that are fine, but whose other half is missing or of no use."""
    other = COLUMNS[1 - COLUMNS.index(kind)]
    rows = []
    for path, partner in zip(listed[kind], listed[other], strict=True):
        if path and not reasons[kind][path] and (not partner or reasons[other][partner]):
            why = (
                f"its {other} file is of no use"
                if partner
                else f"there is no {other} file of this name"
            )
            rows.append({"kind": kind, "path": path, "reason": why})
    return pd.DataFrame(rows, columns=["kind", "path", "reason"])
