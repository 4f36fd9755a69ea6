"""Which pairs a corpus is to have: everything random about it, drawn before anything is rendered.

A row's numbers follow from (seed, path of the utterance below `speech_dir`, item) alone, each from a random number of its own:
another setting, or one more speech file, changes no other number.
"""

import difflib
import hashlib
import re
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from lib.audio.files import SAMPLE_RATE
from lib.corpus import mix, recorded_pairs, sources, survey
from lib.corpus.sources import Sources
from lib.deepfilter.model import identity

BATCH_SIZE = 16  # rows that are rendered and recorded together,
BATCH_SECONDS = 240.0  # or as few as are so long
SPLITS = ("train", "valid", "test")
CLIP_DB = (1.0, 12.0)  # how much a recorder clips, where it clips
NOT_IDENTITY = (
    "n_processes",
    "dask_address",
    "corpus",
    "speech_dir",
    "noise_dir",
    "rir_dir",
    "noisy_dir",
    "pairs_csv",
)


class Plan(NamedTuple):
    """`rows`: one per pair; `skipped`: files that are not used, and why; `settings`: what makes this corpus this one."""

    rows: pd.DataFrame
    skipped: pd.DataFrame
    settings: dict


def draw(p, given: Sources) -> Plan:
    """Draw the corpus: which utterance meets which noise, room, SNR, level and faults, and in which split.

    Speech, noise and room files are each split; nothing occurs in two splits. Pairs that a user brings are split by their
    clean files.

    Args:
        p: config.Prepare.

    Raises:
        ValueError: a folder has no usable file, or too few for three splits; a hold-out is not there; two rows would have
            one name.
    """
    if p.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device = 'cuda': PyTorch finds no CUDA device here, expected cpu")
    rows, files = _own(p, given) if given.noisy else _mixtures(p, given)
    rows = (
        pd.DataFrame(rows).sort_values(["duration", "id"]).reset_index(drop=True)
    )  # files of like length together
    if rows.id.duplicated().any():
        twice = rows.id[rows.id.duplicated()].iloc[0]
        raise ValueError(
            f"{given.speech}: two speech files give the name {twice}: rename one of them"
        )
    rows["batch"] = _batches(rows.duration)
    settings = {
        **{name: value for name, value in p.model_dump().items() if name not in NOT_IDENTITY},
        "sources": hashlib.sha256(
            files[files.reason == ""].to_csv(index=False).encode()
        ).hexdigest(),
        "plan": hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest(),
        **identity(device=p.device),
    }
    skipped = files.loc[files.reason != "", ["kind", "path", "reason"]].reset_index(drop=True)
    return Plan(rows, skipped, settings)


def split_paths(
    paths: pd.Series,
    held: pd.Series,
    seed: int,
    valid_share: float,
    test_share: float,
    kind: str = "speech",
) -> dict:
    """Path -> split, by the order of a hash of (seed, path); what is `held` is in test alone, no split is empty.

    >>> paths = pd.Series([f"{i}.wav" for i in range(20)])
    >>> pd.Series(split_paths(paths, paths == "7.wav", 0, 0.1, 0.2)).value_counts().to_dict()
    {'train': 13, 'test': 5, 'valid': 2}
    """
    rest = sorted(
        paths[~held], key=lambda path: hashlib.sha256(f"{seed} {path}".encode()).hexdigest()
    )
    least = 2 + (not held.any())
    if len(rest) < least:
        raise ValueError(
            f"{len(rest)} {kind} files beside the held-out ones: expected at least {least}, since train, valid and test each"
            " want one"
        )
    n_test = min(max(round(test_share * len(rest)), 0 if held.any() else 1), len(rest) - 2)
    n_valid = min(max(round(valid_share * len(rest)), 1), len(rest) - n_test - 1)
    order = ["test"] * n_test + ["valid"] * n_valid + ["train"] * (len(rest) - n_test - n_valid)
    return dict(zip(rest, order, strict=True)) | dict.fromkeys(paths[held], "test")


def _mixtures(p, given: Sources) -> tuple[list[dict], pd.DataFrame]:
    """Rows for speech, rooms and noise."""
    paths = {"speech": sources.find_files(given.speech, "speech", p.speech_glob)}
    paths["noise"] = sources.find_files(given.noise, "noise", p.noise_glob)
    speakers = pd.Series(
        {
            path: sources.speaker_of(path, given.speech, p.speaker_pattern)
            for path in paths["speech"]
        }
    )
    _held_speakers(
        speakers, p.holdout_speakers
    )  # names that there are not are refused before files are read
    _held_noises(pd.Series(paths["noise"]), p.holdout_noises)
    speech = survey.survey(
        given.speech, "speech", p.n_processes, p.min_duration, paths=paths["speech"]
    )
    noise = survey.survey(given.noise, "noise", p.n_processes, paths=paths["noise"])
    rooms = survey.survey(given.room, "room", p.n_processes) if p.p_reverb > 0 else speech[:0]
    files = pd.concat([speech, noise, rooms])
    speech, noise = (
        survey.require_enough(given.speech, "speech", speech),
        survey.require_enough(given.noise, "noise", noise),
    )
    rooms = survey.require_enough(given.room, "room", rooms) if p.p_reverb > 0 else rooms

    speakers = speech.path.map(speakers)
    shares = p.seed, p.valid_share, p.test_share
    splits = split_paths(speech.path, _held_speakers(speakers, p.holdout_speakers), *shares)
    noises = _by_split(
        split_paths(noise.path, _held_noises(noise.path, p.holdout_noises), *shares, "noise")
    )
    room_splits = (
        _by_split(split_paths(rooms.path, rooms.path == "", *shares, "room"))
        if p.p_reverb > 0
        else {}
    )
    n_noise = dict(zip(noise.path, noise.n_samples * SAMPLE_RATE // noise.sample_rate, strict=True))

    rows = []
    for path, name, duration in zip(speech.path, speakers, speech.duration, strict=True):
        where = splits[path]
        for item in range(p.items_per_utterance if where == "train" else 1):
            drawn = _drawn(p, path, item, noises[where], room_splits.get(where, []), n_noise)
            rows.append(_about(p, where, name, path, item) | drawn | {"duration": duration})
    return rows, files


def _drawn(
    p, path: str, item: int, noises: list[str], rooms: list[str], n_noise: dict[str, int]
) -> dict:
    numbers = iter(
        np.random.default_rng([p.seed, zlib.crc32(path.encode()), item]).random(14).tolist()
    )

    def pick(choices):
        return choices[int(next(numbers) * len(choices))]

    def uniform(low, high):
        return low + (high - low) * next(numbers)

    row = {"snr_db": pick(p.snr_db), "scale": uniform(p.scale_min, p.scale_max)}
    row |= {"noise_path": (first := pick(noises)), "noise_offset": int(uniform(0, n_noise[first]))}
    row |= {
        "second_noise_path": (second := pick(noises)),
        "second_noise_offset": int(uniform(0, n_noise[second])),
    }
    row |= {"second_noise_db": uniform(*mix.SECOND_NOISE_DB), "rir": pick(rooms or [""])}
    row |= {
        "early": round(p.early_ms * SAMPLE_RATE / 1000),
        "lowpass_hz": pick(p.lowpass_hz),
        "clip_db": uniform(*CLIP_DB),
    }
    if next(numbers) >= p.p_second_noise or second == first:
        row |= {"second_noise_path": "", "second_noise_offset": 0, "second_noise_db": 0.0}
    if next(numbers) >= p.p_reverb:
        row |= {"rir": "", "early": 0}
    if next(numbers) >= p.p_lowpass:
        row["lowpass_hz"] = 0.0
    if next(numbers) >= p.p_clip:
        row["clip_db"] = 0.0
    return row


def _own(p, given: Sources) -> tuple[list[dict], pd.DataFrame]:
    """Rows for pairs that a user brings."""
    found, files = recorded_pairs.find_pairs(p, given)
    shares = p.seed, p.valid_share, p.test_share
    held = _held_speakers(found.speaker, p.holdout_speakers)
    if (wrong := found[held & ~found.split.isin(["", "test"])]).size:
        row = wrong.iloc[0]
        raise ValueError(
            f"{row.clean_path}: its speaker {row.speaker} is held out, but its split is {row.split}, expected test"
        )
    splits = {row.content: row.split for row in found.itertuples() if row.split}
    free = found[~found.content.isin(splits)].drop_duplicates("content")
    if len(free):
        by_path = split_paths(free.clean_path, held[free.index], *shares)
        splits |= {row.content: by_path[row.clean_path] for row in free.itertuples()}
    rows = []
    for row in found.itertuples():
        about = _about(p, splits[row.content], row.speaker, row.clean_path, 0)
        about |= {"id": _name(row.noisy_path), "noisy_path": row.noisy_path}
        rows.append(about | {"duration": row.duration})
    return rows, files


def _about(p, where: str, speaker: str, path: str, item: int) -> dict:
    """What every row has; the numbers of a mixture are those of no mixture."""
    group = (
        ""
        if where != "test"
        else "unseen speaker"
        if speaker in p.holdout_speakers
        else "known speaker"
    )
    return {
        "id": f"{_name(path)}_{item}", "split": where, "group": group, "speaker": speaker,
        "clean_path": path, "noisy_path": "", "seed": p.seed, "item": item,
    }  # fmt: skip


def _name(path: str) -> str:
    """A path as a file's name: `p225/a b.wav` is `p225_a_b`."""
    return re.sub(r"[^\w.-]+", "_", Path(path).with_suffix("").as_posix()).strip("_.")


def _held_speakers(speakers: pd.Series, names: list[str]) -> pd.Series:
    if missing := set(names) - set(speakers):
        raise ValueError(_not_found("speaker", missing, set(speakers)))
    return speakers.isin(names)


def _held_noises(paths: pd.Series, names: list[str]) -> pd.Series:
    """A noise is called by its path below `noise_dir`, with or without ending, by its file's name or by a folder's."""
    called = paths.map(
        lambda path: {
            path,
            str(Path(path).with_suffix("")),
            Path(path).stem,
            *Path(path).parts[:-1],
        }
    )
    if missing := set(names) - set().union(*called):
        raise ValueError(_not_found("noise", missing, {Path(path).stem for path in paths}))
    return called.map(lambda own: bool(own & set(names))).astype(bool)


def _not_found(kind: str, missing: set[str], known: set[str]) -> str:
    near = [
        name for wanted in sorted(missing) for name in difflib.get_close_matches(wanted, known, n=1)
    ]
    shown = sorted(known)[:10] + ["..."] * (len(known) > 10)
    hint = f", did you mean {', '.join(near)}?" if near else f": there are {', '.join(shown)}"
    return f"held-out {kind} {sorted(missing)} not found{hint}"


def _by_split(splits: dict[str, str]) -> dict[str, list[str]]:
    return {name: sorted(path for path in splits if splits[path] == name) for name in SPLITS}


def _batches(durations: pd.Series) -> list[int]:
    """The number of each row's batch: neighbours, at most 16, together at most 240 s or one row."""
    batches, batch, n_rows, seconds = [], 0, 0, 0.0
    for duration in durations:
        if n_rows and (n_rows == BATCH_SIZE or seconds + duration > BATCH_SECONDS):
            batch, n_rows, seconds = batch + 1, 0, 0.0
        n_rows, seconds = n_rows + 1, seconds + duration
        batches.append(batch)
    return batches
