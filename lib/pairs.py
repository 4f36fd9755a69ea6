"""Sources -> plan -> render: aligned `clean`, `noisy`, `enhanced` files at 48 kHz with a manifest.

The plan holds everything random and follows from the sources, the settings and the seed, before anything is rendered. Its
rows are rendered in batches; a batch's rows are written after its files, so a killed preparation goes on where it was.
"""

import hashlib
import json
import time
import zlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from lib import RUNS, align, audio, deepfilter, degrade, metrics, sources
from lib.progress import progress
from lib.sources import SAMPLE_RATE, Sources

SIGNALS = ("clean", "noisy", "enhanced")
BATCH_SIZE = 16  # rows that are rendered and recorded together
SPLITS = ("train", "valid", "test")
FORMAT = "FLAC PCM_24"


class Plan(NamedTuple):
    """`rows`: one per mixture; `skipped`: files that are not used, and why; `settings`: what makes this corpus this one."""

    rows: pd.DataFrame
    skipped: pd.DataFrame
    settings: dict


def folder(corpus: str) -> Path:
    """Where a corpus lies."""
    return RUNS / "pairs" / corpus


def plan(p, given: Sources) -> Plan:
    """Draw the corpus: which utterance meets which noise, room, SNR and level, and in which split.

    Every number of a row is drawn from (seed, the utterance's path below `speech_dir`, item), so one more file in a folder
    changes nothing about the others' speech. Speech, noise and room files are each split; nothing occurs in two splits.

    Raises:
        ValueError: a folder has no usable file, or too few for three splits; a hold-out is not there.
    """
    speech = sources.survey(given.speech, "speech", p.n_processes, p.min_duration)
    noise = sources.survey(given.noise, "noise", p.n_processes)
    rooms = sources.survey(given.room, "room", p.n_processes) if p.p_reverb > 0 else speech[:0]
    files = pd.concat([speech, noise, rooms])
    speech, noise = sources.enough(given.speech, "speech", speech), sources.enough(given.noise, "noise", noise)
    rooms = sources.enough(given.room, "room", rooms) if p.p_reverb > 0 else rooms

    speakers = speech.path.map(lambda path: sources.speaker(path, given.speech))
    splits = _split(speech.path, p, p.holdout_speakers, speakers, "speaker")
    noises = _split(noise.path, p, p.holdout_noises, noise.path.map(lambda path: Path(path).stem), "noise")
    room_splits = _split(rooms.path, p, [], rooms.path, "room") if p.p_reverb > 0 else {}
    n_noise = dict(zip(noise.path, noise.n_samples * SAMPLE_RATE // noise.sample_rate, strict=True))

    rows = []
    for path, name, duration in zip(speech.path, speakers, speech.duration, strict=True):
        split = splits[path]
        group = "" if split != "test" else "unseen speaker" if name in p.holdout_speakers else "known speaker"
        for item in range(p.items_per_utterance if split == "train" else 1):
            rng = np.random.default_rng([p.seed, zlib.crc32(path.encode()), item])
            noise_path = str(rng.choice([n for n in sorted(noises) if noises[n] == split]))
            room = [r for r in sorted(room_splits) if room_splits[r] == split]
            rows.append({
                "id": f"{Path(path).with_suffix('').as_posix().replace('/', '_')}_{item}",
                "split": split, "group": group, "speaker": name, "clean_path": path,
                "noise_path": noise_path, "noise_offset": int(rng.integers(max(1, n_noise[noise_path]))),
                "snr_db": float(rng.choice(p.snr_db)), "scale": float(rng.uniform(p.scale_min, p.scale_max)),
                "rir": str(rng.choice(room)) if rng.random() < p.p_reverb else "",
                "early": round(p.early_ms * SAMPLE_RATE / 1000), "seed": p.seed, "item": item, "duration": duration,
            })  # fmt: skip
    rows = pd.DataFrame(rows).sort_values(["duration", "id"]).reset_index(drop=True)  # files of like length together
    if rows.id.duplicated().any():
        twice = rows.id[rows.id.duplicated()].iloc[0]
        raise ValueError(f"{given.speech}: two speech files give the name {twice}: rename one of them")
    rows["batch"] = rows.index // BATCH_SIZE
    content = files[files.reason == ""].to_csv(index=False)
    here = ("n_processes", "speech_dir", "noise_dir", "rir_dir", "corpus")  # where and how, not what
    settings = {
        **{name: value for name, value in p.model_dump().items() if name not in here},
        "sources": hashlib.sha256(content.encode()).hexdigest(),
        "plan": hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest(),
        **deepfilter.identity(),
    }
    skipped = files.loc[files.reason != "", ["kind", "path", "reason"]].reset_index(drop=True)
    return Plan(rows, skipped, settings)


def render(corpus: str, made: Plan, given: Sources, n_processes: int = 1) -> pd.DataFrame:
    """Make all files of a plan and return the manifest, also written as `manifest.csv`. What is there is not made again.

    `manifest.attrs["audio_per_s"]` tells how many seconds of audio were made in a second, 0.0 if there was nothing to do.

    Raises `ValueError` if the corpus was prepared with other settings: it is not overwritten.
    """
    root = folder(corpus)
    stated = root / "plan.json"
    if stated.exists():
        before = json.loads(stated.read_text())["settings"]
        changed = sorted(key for key in made.settings if before.get(key) != made.settings[key])
        if changed:
            raise ValueError(
                f"{root} was prepared with another {', '.join(changed)}: give this corpus a name of its own"
                " (-p corpus NAME), or delete that folder"
            )
    (root / "rows").mkdir(parents=True, exist_ok=True)
    _write_text(stated, json.dumps({"settings": made.settings, "sources": [str(s) for s in given]}, indent=1))

    batches = [rows for _, rows in made.rows.groupby("batch") if not _rows_path(root, rows.batch.iloc[0]).exists()]
    workers = (
        Parallel(n_processes, return_as="generator_unordered", inner_max_num_threads=1) if n_processes > 1 else None
    )
    jobs = (delayed(_render_batch)(root, rows, given, made.settings) for rows in batches)
    done = workers(jobs) if workers else (function(*args) for function, args, _ in jobs)
    began = time.monotonic()
    for _ in progress(done, "DeepFilterNet3", total=len(batches)):
        pass
    seconds = time.monotonic() - began
    manifest = pd.concat([_read_csv(_rows_path(root, batch)) for batch in sorted(made.rows.batch.unique())])
    manifest = manifest.sort_values("id").reset_index(drop=True)
    _write_text(root / "manifest.csv", manifest.to_csv(index=False))
    manifest.attrs["audio_per_s"] = sum(rows.duration.sum() for rows in batches) / seconds if batches else 0.0
    return manifest


def read(corpus: str) -> pd.DataFrame:
    """The manifest of a prepared corpus. Raises `FileNotFoundError` that says how to make it."""
    path = folder(corpus) / "manifest.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: prepare this corpus first (notebooks/prepare.ipynb -p corpus {corpus})"
        )
    return _read_csv(path)


def find(corpus: str, embedded) -> pd.DataFrame:
    """The manifest of `corpus`; the embedded corpus is made first if it is not there.

    Args:
        embedded: params.Prepare with its defaults.
    """
    if corpus == embedded.corpus and not (folder(corpus) / "manifest.csv").exists():
        given = sources.choose()
        return render(corpus, plan(embedded, given), given, embedded.n_processes)
    return read(corpus)


def inspected(p) -> dict[str, Path]:
    """What `inspect` looks at, kind -> folder: those that `p` (params.Inspect) names, else what the corpus was made from."""
    own = {"speech": p.speech_dir, "noise": p.noise_dir}
    named = {kind: sources.place(path) for kind, path in own.items() if path}
    if named:
        return named
    if (folder(p.corpus) / "plan.json").exists():
        return stored_sources(p.corpus)._asdict()
    return sources.choose()._asdict()


def check_segments(manifest: pd.DataFrame, segment_length: int) -> None:
    """Raise `ValueError` if training wants longer segments than the pieces that were saved."""
    saved = int(manifest.save_segment_length.iloc[0])
    if 0 < saved < segment_length:
        raise ValueError(
            f"segment_length = {segment_length}, but this corpus was saved in pieces of save_segment_length = {saved}"
            " samples: use shorter segments, or prepare the corpus again"
        )


def usable(manifest: pd.DataFrame, split: str) -> pd.DataFrame:
    """The rows of a split that are no refused ones. Raises `ValueError` if there are none."""
    rows = manifest[(manifest.split == split) & (manifest.verdict == "ok")].reset_index(drop=True)
    if rows.empty:
        raise ValueError(
            f"the manifest has no usable row in split {split!r}: it has {dict(manifest.split.value_counts())}"
        )
    return rows


def sha256(corpus: str) -> str:
    """Hash of the manifest: the identity of the data that a run has seen."""
    return hashlib.sha256((folder(corpus) / "manifest.csv").read_bytes()).hexdigest()


def load(corpus: str, row) -> dict[str, np.ndarray]:
    """The three signals `[T]` of a manifest row, by name."""
    return {name: audio.read(folder(corpus) / getattr(row, name)) for name in SIGNALS}


def mixture(row, given: Sources) -> degrade.Mixture:
    """Render one row of plan or manifest again, alone: the parts of `noisy` before DeepFilterNet3, whole utterance."""
    clean = audio.read(given.speech / row.clean_path, SAMPLE_RATE)
    noise = degrade.loop(_noise(given.noise / row.noise_path), row.noise_offset, len(clean))
    rir = _room(given.room / row.rir)[0] if row.rir else None
    return degrade.mix(clean, noise, row.snr_db, row.scale, rir, row.early)


def verify(corpus: str, manifest: pd.DataFrame, n_processes: int = 1) -> pd.DataFrame:
    """Measure the usable pairs again from their files: one row each.

    Columns: id, split, snr_db (claimed), achieved_snr_db (the saved noisy minus the speech, which is rendered again alone,
    against that speech; NaN for a saved piece of an utterance and where the sources are gone), snr_error_db, lag_ms and
    lag_confidence of `enhanced` against `clean`, peak of the three signals, problem (unequal lengths, clipped, ...).
    """
    given = stored_sources(corpus)
    rows = manifest[manifest.verdict == "ok"]
    jobs = (delayed(_verify_row)(corpus, row, given) for row in rows.itertuples(index=False))
    measured = Parallel(n_processes, return_as="generator", inner_max_num_threads=1)(jobs)
    table = pd.DataFrame(list(progress(measured, "measuring pairs", total=len(rows))))
    measures = ["achieved_snr_db", "snr_error_db", "lag_ms", "lag_confidence"]  # not there if no pair's lengths agree
    return table.reindex(columns=[*dict.fromkeys([*table.columns, *measures])])


def misses(table: pd.DataFrame, max_lag_ms: float, max_snr_error_db: float) -> pd.Series:
    """What each pair of `verify` misses, as a line; empty where it passes. A lag counts where its estimate is sure."""
    late = (table.lag_ms.abs() > max_lag_ms) & (table.lag_confidence >= align.CONFIDENT)
    wrong = table.snr_error_db.abs() > max_snr_error_db
    lines = table.problem.where(~late, table.problem + table.lag_ms.map(" lag {:.2f} ms".format))
    return lines.where(~wrong, lines + table.snr_error_db.map(" SNR off by {:+.2f} dB".format)).str.strip()


def stored_sources(corpus: str) -> Sources:
    """The folders that a corpus was made from; they may be gone by now."""
    return Sources(*(Path(path) for path in json.loads((folder(corpus) / "plan.json").read_text())["sources"]))


def _render_batch(root: Path, rows: pd.DataFrame, given: Sources, settings: dict) -> None:
    """On one thread, so that the bytes do not depend on the number of processes."""
    with deepfilter.one_thread():
        rows = list(rows.itertuples(index=False))
        mixed = [_mixture_or_reason(row, given) for row in rows]
        enhanced = iter(deepfilter.enhance_batch([made.noisy for made in mixed if not isinstance(made, str)]))
        done = []
        for row, made in zip(rows, mixed, strict=True):
            about = _about(row, settings)
            if isinstance(made, str):
                done.append(about | {"start": 0, "n_samples": 0, "verdict": "refused", "reason": made})
            else:
                done += _render_row(root, row, given, settings, about, made, next(enhanced).signal)
    _write_text(_rows_path(root, rows[0].batch), pd.DataFrame(done).to_csv(index=False))


def _mixture_or_reason(row, given: Sources) -> degrade.Mixture | str:
    """What DeepFilterNet3 is to hear, or why this row is refused."""
    try:
        made = mixture(row, given)
    except (audio.AudioError, ValueError) as error:
        return str(error)
    return made if np.isfinite(made.noisy).all() else "the mixture holds NaN or infinite samples"


def _about(row, settings: dict) -> dict:
    """What the manifest says of every piece of a row."""
    about = {key: value for key, value in row._asdict().items() if key not in ("duration", "batch")}
    identity = {key: value for key, value in settings.items() if key.startswith("df_")}
    length = settings["save_segment_length"]
    return about | {"sample_rate": SAMPLE_RATE, "format": FORMAT, "save_segment_length": length, **identity}


def _render_row(
    root: Path, row, given: Sources, settings: dict, about: dict, mixed: degrade.Mixture, enhanced: np.ndarray
) -> list[dict]:
    gain = min(1.0, 0.99 / np.abs(enhanced).max(initial=1e-9))  # DeepFilterNet3 may overshoot: all three make room
    signals = {"clean": mixed.clean * gain, "noisy": mixed.noisy * gain, "enhanced": enhanced * gain}
    lag = align.lag(enhanced, mixed.clean)
    about |= {
        "scale": row.scale * gain, "df_lag": lag.samples, "df_lag_confidence": lag.confidence,
        "room_lag": _room(given.room / row.rir)[1] if row.rir else 0,
        "bandwidth_hz": metrics.bandwidth_hz(mixed.clean, SAMPLE_RATE),
    }  # fmt: skip
    length = settings["save_segment_length"] or len(enhanced)
    pieces = []
    for number, start in enumerate(range(0, len(enhanced), length)):
        name = row.id if length >= len(enhanced) else f"{row.id}_p{number:03d}"
        cut = {key: signal[start : start + length] for key, signal in signals.items()}
        piece = about | {"id": name, "start": start, "n_samples": len(cut["clean"])} | _verify(cut)
        for key, signal in cut.items() if piece["verdict"] == "ok" else ():
            piece[key] = f"{key}/{name}{audio.EXTENSION}"
            audio.write(root / piece[key], signal, SAMPLE_RATE)
        pieces.append(piece)
    return pieces


def _verify(signals: dict[str, np.ndarray]) -> dict:
    """Scores of a pair and whether it is fit for training."""
    clean, noisy, enhanced = (signals[name] for name in SIGNALS)
    reason = ""
    if np.abs(clean).max() < audio.SILENT_PEAK:
        reason = "the clean piece is silent"
    elif np.array_equal(noisy, enhanced):
        reason = "DeepFilterNet3 changed nothing"
    elif np.abs(enhanced).max() < audio.SILENT_PEAK:
        reason = "DeepFilterNet3 left nothing over"
    if reason:
        return {"verdict": "refused", "reason": reason}
    si_sdr = {f"si_sdr_{name}_db": metrics.si_sdr_db(signals[name], clean) for name in ("noisy", "enhanced")}
    return {"verdict": "ok", "reason": "", **si_sdr}


def _verify_row(corpus: str, row, given: Sources) -> dict:
    signals = load(corpus, row)
    clean, noisy, enhanced = (signals[name] for name in SIGNALS)
    peaks = {f"peak_{name}": float(np.abs(signal).max(initial=0.0)) for name, signal in signals.items()}
    about = {"id": row.id, "split": row.split, "snr_db": row.snr_db, **peaks, "problem": ""}
    if len({len(clean), len(noisy), len(enhanced), row.n_samples}) > 1:
        lengths = {name: len(signal) for name, signal in signals.items()}
        return about | {"problem": f"lengths {lengths}, the manifest says {row.n_samples}"}
    if max(peaks.values()) >= 1.0:
        about["problem"] = "clipped"
    if np.array_equal(noisy, enhanced):
        about["problem"] = "DeepFilterNet3 changed nothing"
    lag = align.lag(enhanced, clean)
    about |= {"lag_ms": 1000 * lag.samples / SAMPLE_RATE, "lag_confidence": lag.confidence}
    try:
        speech = mixture(row, given).speech
    except (audio.AudioError, ValueError):
        speech = clean[:0]
    achieved = degrade.snr_db(speech, noisy - speech) if len(speech) == len(noisy) else np.nan
    return about | {"achieved_snr_db": achieved, "snr_error_db": achieved - row.snr_db}


def _split(paths: pd.Series, p, holdouts: list[str], names: pd.Series, kind: str) -> dict[str, str]:
    """Path -> split, by the order of a hash of (seed, path); held-out names are in test alone, no split is empty."""
    missing = set(holdouts) - set(names)
    if missing:
        raise ValueError(f"held-out {kind} {sorted(missing)} not found: there are {sorted(set(names))}")
    held = {path for path, name in zip(paths, names, strict=True) if name in holdouts}
    rest = sorted((path for path in paths if path not in held), key=lambda path: _hash(p.seed, path))
    if len(rest) < 2 + (not held):
        raise ValueError(f"{len(rest)} {kind} files beside the held-out ones, expected at least {2 + (not held)}")
    n_test = min(max(round(p.test_share * len(rest)), 0 if held else 1), len(rest) - 2)
    n_valid = min(max(round(p.valid_share * len(rest)), 1), len(rest) - n_test - 1)
    order = ["test"] * n_test + ["valid"] * n_valid + ["train"] * (len(rest) - n_test - n_valid)
    return dict(zip(rest, order, strict=True)) | dict.fromkeys(held, "test")


def _hash(seed: int, path: str) -> str:
    return hashlib.sha256(f"{seed} {path}".encode()).hexdigest()


@lru_cache(maxsize=32)
def _noise(path: Path) -> np.ndarray:
    return audio.read(path, SAMPLE_RATE)


@lru_cache(maxsize=256)
def _room(path: Path) -> tuple[np.ndarray, int]:
    return degrade.direct_path(audio.read(path, SAMPLE_RATE))


def _rows_path(root: Path, batch: int) -> Path:
    return root / "rows" / f"{batch:06d}.csv"


def _read_csv(path: Path) -> pd.DataFrame:
    text = ["id", "split", "group", "speaker", "clean_path", "noise_path", "rir", "verdict", "reason", *SIGNALS]
    table = pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""])
    present = [name for name in text if name in table]
    return table.assign(**{name: table[name].fillna("") for name in present})


def _write_text(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.replace(path)
