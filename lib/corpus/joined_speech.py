"""A folder of speech whose short recordings are joined to utterances, speaker by speaker.

A first stage that hears whole utterances, and judges that hear sentences, make little of a word of
half a second. Long recordings are linked, and the rest of `prepare` reads that folder as the speech
folder. A corpus is split after that, so no recording is in two splits.
"""

import hashlib
import json
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib import RUNS
from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.config.prepare import Prepare
from lib.corpus import sources, survey, utterance
from lib.corpus.draws import file_name
from lib.corpus.holdouts import held_out_speakers
from lib.corpus.sources import Sources
from lib.corpus.utterance import Word
from lib.runtime import parallel
from lib.runtime.once import make_once

PARTS_FILE = "parts.csv"  # in the folder: path speaker part source gain_db start n_samples
SKIPPED_FILE = "skipped.csv"  # kind path reason
UTTERANCE_S = (4.0, 10.0)  # an utterance's length is drawn from this range
PAUSE_S = (0.15, 0.6)  # between two recordings, as between words and phrases that are read
MAX_GAIN_DB = 12.0  # by which a recording is brought to its speaker's median level


class Part(NamedTuple):
    """A recording in an utterance: its path, speech, gain, and the pause behind it in samples."""

    path: str
    word: Word
    gain_db: float
    pause: int


def join_short(p: Prepare, folders: Sources) -> Sources:
    """`folders`, whose speech is a folder in which recordings below `p.join_below` are joined.

    The folder lies below `runs/cache/joined` and is made once. Files that are not usable, and
    copies of the same audio, are left out of it; `skipped.csv` names them.

    Raises:
        ValueError: there is no speech file, a hold-out does not exist, or no file is usable.
    """
    if not p.join_below:
        return folders
    root = folders.speech
    table = speech_files(root, p.speech_glob, p.speaker_pattern)
    held_out_speakers(table.speaker, p.holdout_speakers)  # reading takes long: refuse before it
    found = survey.survey(root, "speech", p.n_processes, paths=list(table.path))
    found = found.assign(speaker=table.speaker.to_numpy())
    usable = found[found.reason == ""]
    if usable.empty:
        survey.require_enough(root, "speech", found)
    identity = found[["path", "speaker", "content", "reason"]].to_csv(index=False)
    settings = {
        "version": 1,
        "root": str(root),
        "join_below": p.join_below,
        "seed": p.seed,
        "files": hashlib.sha256(identity.encode()).hexdigest(),
    }
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    folder = RUNS / "cache" / "joined" / f"{root.name}_{key}"

    def fill(unfinished: Path) -> None:
        parts = _fill(unfinished, root, usable, p)
        (unfinished / PARTS_FILE).write_text(parts.to_csv(index=False))
        skipped = found.loc[found.reason != "", ["kind", "path", "reason"]]
        (unfinished / SKIPPED_FILE).write_text(skipped.to_csv(index=False))

    make_once(folder, settings, fill)
    return folders._replace(speech=folder)


def speech_files(root: Path, glob: str = "**/*", speaker_pattern: str = "") -> pd.DataFrame:
    """The speech files below `root`: columns path, speaker, and `parts` of those that are joined.

    Args:
        glob, speaker_pattern: see `sources`; a folder of joined speech knows its speakers.
    """
    if (root / PARTS_FILE).exists():
        rows = pd.read_csv(root / PARTS_FILE, dtype={"speaker": str}, keep_default_na=False)
        by_path = rows.groupby("path")
        table = by_path.agg(speaker=("speaker", "first"), parts=("source", "|".join)).reset_index()
        return table.assign(parts=table.parts.where(table.parts != table.path, ""))
    paths = sources.find_files(root, "speech", glob)
    speakers = [sources.speaker_of(path, root, speaker_pattern) for path in paths]
    return pd.DataFrame({"path": paths, "speaker": speakers, "parts": ""}, dtype=object)


def skipped_files(root: Path) -> pd.DataFrame:
    """The files that were left out of a folder of joined speech: kind, path, reason."""
    if not (root / SKIPPED_FILE).exists():
        return pd.DataFrame(columns=["kind", "path", "reason"])
    return pd.read_csv(root / SKIPPED_FILE, dtype=str, keep_default_na=False)


def draw(words: pd.DataFrame, seed: int) -> dict[str, list[Part]]:
    """Which recordings make which utterance: its path below the folder -> its parts.

    Recordings of a speaker are joined in the order of their bandwidth, so that that of an utterance
    is that of its parts.

    Args:
        words: a row for each recording: path, speaker, content, and the fields of `Word`.
        seed: of lengths and pauses; each speaker has numbers of its own.

    Raises:
        ValueError: two speakers would have one folder.
    """
    utterances: dict[str, list[Part]] = {}
    for speaker, rows in words.groupby("speaker"):
        rng = np.random.default_rng([seed, zlib.crc32(str(speaker).encode())])
        rows = rows.sort_values(["bandwidth_hz", "content"])
        gains_db = (rows.level_db.median() - rows.level_db).clip(-MAX_GAIN_DB, MAX_GAIN_DB)
        groups, wanted_s = [[]], rng.uniform(*UTTERANCE_S)
        for row, gain_db in zip(rows.itertuples(), gains_db, strict=True):
            word = Word(*(getattr(row, name) for name in Word._fields))
            part = Part(row.path, word, gain_db, round(rng.uniform(*PAUSE_S) * SAMPLE_RATE))
            too_long = _seconds([*groups[-1], part]) > UTTERANCE_S[1]
            if groups[-1] and (too_long or _seconds(groups[-1]) >= wanted_s):
                groups.append([])
                wanted_s = rng.uniform(*UTTERANCE_S)
            groups[-1].append(part)
        folder = file_name(str(speaker))
        if any(path.startswith(f"{folder}/") for path in utterances):
            raise ValueError(f"two speakers give the folder {folder}: rename one, {speaker!r}")
        for number, parts in enumerate(_without_short_end(groups)):
            name = f"{folder}/joined_{number:04d}{files.EXTENSION}"
            utterances[name] = parts
    return utterances


def _without_short_end(groups: list[list[Part]]) -> list[list[Part]]:
    """Utterances of which a last one that is too short is part of the one before, if it fits."""
    *others, last = groups
    if others and _seconds(last) < UTTERANCE_S[0]:
        longer = others[-1] + last
        if _seconds(longer) <= UTTERANCE_S[1]:
            return [*others[:-1], longer]
    return groups


def _seconds(parts: list[Part]) -> float:
    """Length of an utterance without the silence at its ends."""
    speech = sum(part.word.stop - part.word.start for part in parts)
    return (speech + sum(part.pause for part in parts[:-1])) / SAMPLE_RATE


def _fill(folder: Path, root: Path, usable: pd.DataFrame, p: Prepare) -> pd.DataFrame:
    """Write utterances and links; returns the rows of `parts.csv`."""
    is_short = usable.duration < p.join_below
    words, long = usable[is_short].reset_index(drop=True), usable[~is_short]
    calls = [(root / path,) for path in words.path]
    measured = list(parallel.each(_measure, calls, "measuring words", p.n_processes))
    words = words[["path", "speaker", "content"]].join(pd.DataFrame(measured, columns=Word._fields))
    utterances = draw(words, p.seed)
    if taken := set(utterances) & set(long.path):
        raise ValueError(f"{root / min(taken)}: this name is that of a joined utterance: rename it")
    speakers = dict(zip(words.path, words.speaker, strict=True))
    calls = [
        (folder, root, path, speakers[parts[0].path], parts) for path, parts in utterances.items()
    ]
    rows = []
    for some in parallel.each(_write, calls, "joining words", p.n_processes):
        rows += some
    for row in long.itertuples():
        link = folder / row.path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to((root / row.path).resolve())
        rows.append(_row(row.path, row.speaker, 0, row.path, 0.0, 0, row.n_samples))
    return pd.DataFrame(rows)


def _measure(path: Path) -> Word:
    return utterance.measure(files.read(path, SAMPLE_RATE))


def _write(folder: Path, root: Path, path: str, speaker: str, parts: list[Part]) -> list[dict]:
    """Write an utterance; returns a row for each of its parts."""
    signal, starts = utterance.join(
        [files.read(root / part.path, SAMPLE_RATE) for part in parts],
        [part.word for part in parts],
        [part.gain_db for part in parts],
        [part.pause for part in parts[:-1]],
    )
    files.write(folder / path, signal, SAMPLE_RATE)
    return [
        _row(path, speaker, i, part.path, part.gain_db, start, part.word.stop - part.word.start)
        for i, (part, start) in enumerate(zip(parts, starts, strict=True))
    ]


def _row(
    path: str, speaker: str, part: int, source: str, gain_db: float, start: int, n_samples: int
) -> dict:
    """A row of `parts.csv`; `start` and `n_samples` are those of the part's speech."""
    return {
        "path": path,
        "speaker": speaker,
        "part": part,
        "source": source,
        "gain_db": gain_db,
        "start": start,
        "n_samples": n_samples,
    }
