"""Speakers, noises and rooms that the user holds out: they occur in the test split alone."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd


def held_out_speakers(speakers: pd.Series, names: Sequence[str]) -> pd.Series:
    """True where the speaker is one of `names`.

    Raises:
        ValueError: a name is no speaker; the message shows the nearest ones.

    >>> held_out_speakers(pd.Series(["anna", "ben"]), ["ben"]).tolist()
    [False, True]
    """
    if missing := set(names) - set(speakers):
        raise ValueError(_not_found("speaker", missing, set(speakers)))
    return speakers.isin(names)


def held_out_files(paths: pd.Series, names: Sequence[str], kind: str = "noise") -> pd.Series:
    """True where a name means the path of a noise or room.

    It is named by its path below `noise_dir` or `rir_dir` with or without ending, by its file's
    name without ending, or by one of its folders.

    Raises:
        ValueError: a name means no path; the message shows the nearest ones.

    >>> held_out_files(pd.Series(["street/car.wav", "rain.wav"]), ["street"]).tolist()
    [True, False]
    """
    path_names = paths.map(_names)
    if missing := set(names) - set().union(*path_names):
        raise ValueError(_not_found(kind, missing, {Path(path).stem for path in paths}))
    return path_names.map(lambda of_path: bool(of_path & set(names))).astype(bool)


def _names(path: str) -> set[str]:
    path = Path(path)
    return {str(path), str(path.with_suffix("")), path.stem, *path.parts[:-1]}


def _not_found(kind: str, missing: set[str], known: set[str]) -> str:
    near = [
        match for name in sorted(missing) for match in difflib.get_close_matches(name, known, n=1)
    ]
    examples = sorted(known)[:10] + ["..."] * (len(known) > 10)
    hint = f", did you mean {', '.join(near)}?" if near else f": there are {', '.join(examples)}"
    return f"held-out {kind} {sorted(missing)} not found{hint}"
