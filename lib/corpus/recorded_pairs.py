"""Pairs that a user recorded: found by a CSV, or by equal names in two folders."""

from pathlib import Path

import pandas as pd

from lib.config.fields import resolve
from lib.config.prepare import Prepare
from lib.corpus import sources, survey
from lib.corpus.sources import Sources
from lib.corpus.splits import SPLITS

COLUMNS = ("clean", "noisy")


def find_pairs(p: Prepare, folders: Sources) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The usable pairs, and all files with the reason why some are not usable.

    A pair's columns: clean_path, noisy_path, speaker, split ("" if it is to be drawn), duration in
    seconds, content. Paths are relative to `folders`; those of a CSV (`p.pairs_csv`: columns clean
    and noisy, optional speaker and split) count from the folder of the CSV. `content` is a hash of
    the clean audio: copies of it belong into one split.

    Raises:
        ValueError: the CSV lacks a column, names an unknown split, or puts a file or copies of it
            into two splits; two files have one name but for the ending; no pair is usable.
    """
    candidates = _read_csv(p.pairs_csv) if p.pairs_csv else _equal_names(folders, p.speech_glob)
    tables = {
        kind: survey.survey(
            folder,
            kind,
            p.n_processes,
            p.min_duration,
            paths=sorted(set(candidates[kind]) - {""}),
            copies=True,
        ).set_index("path", drop=False)
        for kind, folder in (("clean", folders.speech), ("noisy", folders.noisy))
    }
    reasons = {kind: tables[kind].reason.to_dict() for kind in COLUMNS}
    # A path of "" has no reason in the table, so it is not usable either.
    usable = {kind: candidates[kind].map(reasons[kind]) == "" for kind in COLUMNS}
    files = pd.concat(
        [*tables.values(), *(_without_partner(candidates, reasons, kind) for kind in COLUMNS)],
        ignore_index=True,
    )
    pairs = candidates[usable["clean"] & usable["noisy"]]
    pairs = pairs.rename(columns={"clean": "clean_path", "noisy": "noisy_path"})
    if pairs.empty:
        bad = files[files.reason != ""].head(5)
        named = "".join(f"; {row.path}: {row.reason}" for row in bad.itertuples())
        raise ValueError(
            f"{p.pairs_csv or folders.noisy}: no pair of usable files among"
            f" {len(candidates)}{named}"
        )
    pairs = pairs.assign(
        speaker=[
            speaker or sources.speaker_of(path, folders.speech, p.speaker_pattern)
            for speaker, path in zip(pairs.speaker, pairs.clean_path, strict=True)
        ],
        duration=pairs.noisy_path.map(tables["noisy"].duration.to_dict()),
        content=pairs.clean_path.map(tables["clean"].content.to_dict()),
    )
    n_splits = pairs[pairs.split != ""].groupby("content").split.nunique()
    if (n_splits > 1).any():
        copies = pairs[pairs.content == n_splits.idxmax()]
        copies = copies.drop_duplicates("split").clean_path.tolist()
        raise ValueError(
            f"{p.pairs_csv}: {copies[0]} and {copies[1]} hold the same audio and are in two splits"
        )
    return pairs.reset_index(drop=True), files


def _read_csv(path: str) -> pd.DataFrame:
    """The rows of a CSV, as text, with the columns clean, noisy, speaker, split."""
    try:
        table = pd.read_csv(resolve(path), dtype=str, keep_default_na=False)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"{path}: not readable as CSV ({error})") from None
    if missing := [name for name in COLUMNS if name not in table]:
        raise ValueError(
            f"{path}: expected the columns clean and noisy,"
            f" found no {' and no '.join(missing)} in {list(table)}"
        )
    for name in {"speaker", "split"} - set(table):
        table[name] = ""
    if unknown := sorted(set(table.split) - {"", *SPLITS}):
        raise ValueError(f"{path}: split {unknown[0]!r}, expected train, valid, test or nothing")
    for name in COLUMNS:
        n_splits = table.groupby(name).split.nunique()
        if (n_splits > 1).any():
            raise ValueError(
                f"{path}: {n_splits.idxmax()} is in two splits:"
                " nothing that is tested may be trained on"
            )
    return table[[*COLUMNS, "speaker", "split"]]


def _equal_names(folders: Sources, glob: str) -> pd.DataFrame:
    """Files of both folders with the same path but for the ending; "" where there is none."""
    partners = {}
    for name, folder in zip(COLUMNS, (folders.speech, folders.noisy), strict=True):
        for path in sources.find_files(folder, name, glob):
            pair = partners.setdefault(Path(path).with_suffix("").as_posix(), {})
            if name in pair:
                raise ValueError(
                    f"{folder}: {pair[name]} and {path} have one name:"
                    " which is the other folder's partner?"
                )
            pair[name] = path
    table = pd.DataFrame.from_dict(partners, orient="index").sort_index()
    table = table.reindex(columns=COLUMNS).fillna("")
    return table.assign(speaker="", split="").reset_index(drop=True)


def _without_partner(candidates: pd.DataFrame, reasons: dict, kind: str) -> pd.DataFrame:
    """Usable files whose partner is missing or not usable, with that reason."""
    other = COLUMNS[1 - COLUMNS.index(kind)]
    rows = []
    for path, partner in zip(candidates[kind], candidates[other], strict=True):
        if not path or reasons[kind][path]:
            continue
        if not partner:
            reason = f"there is no {other} file of this name"
        elif reasons[other][partner]:
            reason = f"its {other} file is of no use"
        else:
            continue
        rows.append({"kind": kind, "path": path, "reason": reason})
    return pd.DataFrame(rows, columns=["kind", "path", "reason"])
