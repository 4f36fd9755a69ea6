"""Which pairs a corpus has: everything random is drawn here, before anything is rendered."""

import hashlib
from typing import NamedTuple

import pandas as pd
import torch

from lib.audio.files import SAMPLE_RATE
from lib.config.prepare import Prepare
from lib.corpus import recorded_pairs, sources, survey
from lib.corpus.draws import file_name, mixture_columns, name_columns
from lib.corpus.fixed_test import FixedItem, fixed_items
from lib.corpus.holdouts import held_out_files, held_out_speakers
from lib.corpus.joined_speech import skipped_files, speech_files
from lib.corpus.manifest import without_unused
from lib.corpus.sources import Sources
from lib.corpus.splits import by_split, split_paths
from lib.deepfilter.settings import identity

BATCH_SIZE = 16  # most rows that are rendered and enhanced together
BATCH_SECONDS = 240.0  # their highest total length, unless a single row is longer
# Parameters that say where files are and how the work is done, not which corpus it is.
NOT_IDENTITY = frozenset(
    "n_processes dask_address corpus speech_dir noise_dir rir_dir noisy_dir pairs_csv".split()
)
# Parameters that came later: a corpus of before has none of them, and is that of their defaults.
OPTIONAL = frozenset(
    "join_below p_clean p_noise_alone p_codec p_equalise speed_min speed_max formant_min"
    " formant_max holdout_rooms n_test n_test_clean test_snr_db".split()
)


class Plan(NamedTuple):
    """What is to be rendered.

    rows: one per pair. skipped: files that are not used, and why (kind, path, reason).
    settings: the identity of the corpus; a corpus with other settings is another one.
    """

    rows: pd.DataFrame
    skipped: pd.DataFrame
    settings: dict


def draw(p: Prepare, folders: Sources) -> Plan:
    """Draw the corpus: the noise, room, SNR, level, faults and split of each utterance.

    Speech, noise and room files are each split; no file occurs in two splits. Recorded pairs are
    split by their clean files.

    Raises:
        ValueError: a folder has no usable file, or too few for three splits; a hold-out does not
            exist; two rows would have one name; CUDA is asked for and missing.
    """
    if p.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device = 'cuda': PyTorch finds no CUDA device here, expected cpu")
    rows, files = _recorded_rows(p, folders) if folders.noisy else _mixed_rows(p, folders)
    # Files of like length are neighbours, so that a batch holds little padding.
    rows = pd.DataFrame(rows).sort_values(["duration", "id"]).reset_index(drop=True)
    if rows.id.duplicated().any():
        raise ValueError(_same_name(rows, folders))
    rows["batch"] = batch_numbers(rows.duration)
    settings = {
        **_identity(p),
        "sources": _hash(files[files.reason == ""]),
        "plan": _hash(without_unused(rows)),
        **identity(device=p.device),
    }
    skipped = files.loc[files.reason != "", ["kind", "path", "reason"]]
    skipped = pd.concat([skipped_files(folders.speech), skipped], ignore_index=True)
    return Plan(rows, skipped, settings)


def batch_numbers(durations: pd.Series) -> list[int]:
    """The number of each row's batch: neighbours, at most 16, together at most 240 s or one row.

    >>> batch_numbers(pd.Series([100.0, 100.0, 100.0, 300.0]))
    [0, 0, 1, 2]
    """
    batches, batch, n_rows, seconds = [], 0, 0, 0.0
    for duration in durations:
        if n_rows and (n_rows == BATCH_SIZE or seconds + duration > BATCH_SECONDS):
            batch, n_rows, seconds = batch + 1, 0, 0.0
        n_rows, seconds = n_rows + 1, seconds + duration
        batches.append(batch)
    return batches


def _mixed_rows(p: Prepare, folders: Sources) -> tuple[list[dict], pd.DataFrame]:
    """Rows of speech that is mixed with rooms and noise, and the table of all files."""
    listed = speech_files(folders.speech, p.speech_glob, p.speaker_pattern).set_index("path")
    noise_paths = sources.find_files(folders.noise, "noise", p.noise_glob)
    # Reading takes long: refuse unknown names before it.
    held_out_speakers(listed.speaker, p.holdout_speakers)
    held_out_files(pd.Series(noise_paths), p.holdout_noises)

    speech = survey.survey(
        folders.speech, "speech", p.n_processes, p.min_duration, paths=list(listed.index)
    )
    noise = survey.survey(folders.noise, "noise", p.n_processes, paths=noise_paths)
    rooms = survey.survey(folders.room, "room", p.n_processes) if p.p_reverb > 0 else speech[:0]
    files = pd.concat([speech, noise, rooms])
    speech = survey.require_enough(folders.speech, "speech", speech)
    noise = survey.require_enough(folders.noise, "noise", noise)
    rooms = survey.require_enough(folders.room, "room", rooms) if p.p_reverb > 0 else rooms

    speech = speech.join(listed, on="path")
    seed_and_shares = p.seed, p.valid_share, p.test_share
    held_out = held_out_speakers(speech.speaker, p.holdout_speakers)
    speech["split"] = speech.path.map(split_paths(speech.path, held_out, *seed_and_shares))
    held_out = held_out_files(noise.path, p.holdout_noises)
    noises = by_split(split_paths(noise.path, held_out, *seed_and_shares, "noise"))
    room_paths = {}
    if p.p_reverb > 0:
        held_out = held_out_files(rooms.path, p.holdout_rooms, "room")
        room_paths = by_split(split_paths(rooms.path, held_out, *seed_and_shares, "room"))
    n_samples = noise.n_samples * SAMPLE_RATE // noise.sample_rate
    n_samples = dict(zip(noise.path, n_samples, strict=True))

    rows = []
    by_path = {row.path: row for row in speech.itertuples()}
    for path, item, snr_db in _items(p, speech):
        file = by_path[path]
        choices = noises[file.split], room_paths.get(file.split, []), n_samples
        row = name_columns(p, file.split, file.speaker, path, item)
        row |= mixture_columns(p, path, item, *choices, file.split, snr_db)
        rows.append(row | {"parts": file.parts, "duration": file.duration / row["speed"]})
    return rows, files


def _items(p: Prepare, speech: pd.DataFrame) -> list[FixedItem]:
    """The mixtures of each utterance; only those of a test of fixed size have an SNR already."""
    items = []
    for path, split in zip(speech.path, speech.split, strict=True):
        if split != "test" or not p.n_test:
            n_items = p.items_per_utterance if split == "train" else 1
            items += [FixedItem(path, item, None) for item in range(n_items)]
    if p.n_test:
        test = speech[speech.split == "test"]
        if p.holdout_speakers:
            test = test[test.speaker.isin(p.holdout_speakers)]
        paths = test.groupby("speaker").path.agg(list).to_dict()
        snr_db = p.test_snr_db or p.snr_db
        items += fixed_items(paths, p.n_test, p.n_test_clean, snr_db, p.seed)
    return items


def _identity(p: Prepare) -> dict:
    """The parameters that say which corpus it is."""
    defaults = Prepare()
    return {
        name: value
        for name, value in p.model_dump().items()
        if name not in NOT_IDENTITY and not (name in OPTIONAL and value == getattr(defaults, name))
    }


def _recorded_rows(p: Prepare, folders: Sources) -> tuple[list[dict], pd.DataFrame]:
    """Rows of pairs that were recorded, and the table of all files."""
    pairs, files = recorded_pairs.find_pairs(p, folders)
    held_out = held_out_speakers(pairs.speaker, p.holdout_speakers)
    contradictions = pairs[held_out & ~pairs.split.isin(["", "test"])]
    if len(contradictions):
        row = contradictions.iloc[0]
        raise ValueError(
            f"{row.clean_path}: its speaker {row.speaker} is held out,"
            f" but its split is {row.split}, expected test"
        )
    # Copies of one clean recording belong to one split, so the content is split, not the path.
    splits = {row.content: row.split for row in pairs.itertuples() if row.split}
    free = pairs[~pairs.content.isin(splits)].drop_duplicates("content")
    if len(free):
        seed_and_shares = p.seed, p.valid_share, p.test_share
        by_path = split_paths(free.clean_path, held_out[free.index], *seed_and_shares)
        splits |= {row.content: by_path[row.clean_path] for row in free.itertuples()}
    rows = []
    for pair in pairs.itertuples():
        row = name_columns(p, splits[pair.content], pair.speaker, pair.clean_path, 0)
        row |= {"id": file_name(pair.noisy_path), "noisy_path": pair.noisy_path}
        rows.append(row | {"duration": pair.duration})
    return rows, files


def _same_name(rows: pd.DataFrame, folders: Sources) -> str:
    """Which two files of a folder have one name once it is plain, e.g. `a b.wav` and `a_b.wav`."""
    name = rows.id[rows.id.duplicated()].iloc[0]
    column, folder = "clean_path", folders.speech
    if folders.noisy:
        column, folder = "noisy_path", folders.noisy
    one, two = rows.loc[rows.id == name, column].iloc[:2]
    return f"{folder}: {one} and {two} would both be named {name}: rename one of them"


def _hash(table: pd.DataFrame) -> str:
    return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()
