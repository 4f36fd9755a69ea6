"""Plan -> files: aligned `clean`, `noisy`, `enhanced` at 48 kHz and a manifest, in one folder.

Rows are rendered in batches. A batch's rows are written after its files, so that a preparation
that was killed continues with the first unfinished batch. Any number of processes makes the same
bytes.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from lib.audio import align
from lib.audio.bandwidth import bandwidth_hz
from lib.audio.files import SAMPLE_RATE, AudioError
from lib.config.prepare import Prepare
from lib.corpus import mix, sources
from lib.corpus.aligned_pair import align_pair
from lib.corpus.manifest import (
    OPTIONAL,
    corpus_folder,
    read,
    read_csv,
    rows_path,
    sources_text,
    without_unused,
    write_text,
)
from lib.corpus.mixed_pairs import mix_row, read_room
from lib.corpus.pieces import save_pieces
from lib.corpus.plan import Plan, draw
from lib.corpus.sources import Sources
from lib.deepfilter.enhance import enhance_batch
from lib.deepfilter.pauses import whole_hops
from lib.deepfilter.working_level import sample_gains, unknown_level
from lib.runtime import parallel
from lib.runtime.threads import one_thread

FORMAT = "FLAC PCM_24"
NO_MIXTURE = {  # columns of a pair that was recorded, not mixed
    "snr_db": np.nan,
    "scale": np.nan,
    "noise_path": "",
    "noise_offset": 0,
    "second_noise_path": "",
    "second_noise_offset": 0,
    "second_noise_db": 0.0,
    "rir": "",
    "early": 0,
    "lowpass_hz": 0.0,
    "clip_db": 0.0,
    **OPTIONAL,
}
NO_MEASURE = {  # columns that are measured of some pairs only
    "rir_lag": 0,
    "t60": 0.0,
    "own_lag": 0,
    "own_gain_db": 0.0,
    "own_inverted": False,
    "gain": np.nan,
}


def render(
    corpus: str, plan: Plan, folders: Sources, n_processes: int = 1, dask_address: str = ""
) -> pd.DataFrame:
    """Make all files of a plan that are missing; return the manifest, also in `manifest.csv`.

    `manifest.attrs["audio_per_s"]` is how many seconds of audio were made in a second; 0.0 if
    nothing was missing.

    Args:
        folders: the folders that the plan was drawn from.
        n_processes, dask_address: see `parallel.each`.

    Raises:
        ValueError: the corpus was prepared with other settings (it is not overwritten), or another
            preparation of it is running.
    """
    root = corpus_folder(corpus)
    (root / "rows").mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(root / ".lock", timeout=0):
            return _render(root, plan, folders, n_processes, dask_address)
    except Timeout:
        raise ValueError(
            f"{root}: another preparation of this corpus is running: wait for it, or stop it"
        ) from None


def find_or_render(corpus: str, embedded: Prepare) -> pd.DataFrame:
    """The manifest of `corpus`; the embedded corpus is made first if it is missing.

    Args:
        embedded: the defaults of `prepare`, which are those of the embedded corpus.
    """
    if corpus == embedded.corpus and not (corpus_folder(corpus) / "manifest.csv").exists():
        folders = sources.choose()
        return render(corpus, draw(embedded, folders), folders, embedded.n_processes)
    return read(corpus)


def _render(
    root: Path, plan: Plan, folders: Sources, n_processes: int, dask_address: str
) -> pd.DataFrame:
    _store_settings(root / "plan.json", plan.settings, folders)
    for part in root.rglob(".*.part"):  # left by a process that was killed
        part.unlink(missing_ok=True)
    batches = [
        rows for number, rows in plan.rows.groupby("batch") if not rows_path(root, number).exists()
    ]
    began = time.monotonic()
    arguments = [(root, rows, folders, plan.settings) for rows in batches]
    for _ in parallel.each(
        _render_batch, arguments, "DeepFilterNet3", n_processes, dask_address, ordered=False
    ):
        pass
    seconds = time.monotonic() - began

    numbers = sorted(plan.rows.batch.unique())
    manifest = pd.concat([read_csv(rows_path(root, number)) for number in numbers])
    manifest = manifest.sort_values("id").reset_index(drop=True)
    write_text(root / "manifest.csv", without_unused(manifest).to_csv(index=False))
    audio_seconds = sum(rows.duration.sum() for rows in batches)
    manifest.attrs["audio_per_s"] = audio_seconds / seconds if batches else 0.0
    return manifest


def _store_settings(plan_path: Path, settings: dict, folders: Sources) -> None:
    """Write settings and folders to `plan_path`; refuse settings that differ from stored ones."""
    if plan_path.exists():
        stored = json.loads(plan_path.read_text())["settings"]
        changed = sorted(key for key in settings if stored.get(key) != settings[key])
        if changed:
            raise ValueError(
                f"{plan_path.parent} was prepared with another {', '.join(changed)}:"
                " give this corpus a name of its own (-p corpus NAME), or delete that folder"
            )
    stored = {"settings": settings, "sources": sources_text(folders)}
    write_text(plan_path, json.dumps(stored, indent=1))


def _render_batch(root: Path, rows: pd.DataFrame, folders: Sources, settings: dict) -> None:
    """Render, enhance and save the pairs of a batch, then write its rows.

    On one thread, so that the bytes do not depend on the number of processes.
    """
    manifest_rows, usable = [], []
    with one_thread():
        for row in rows.itertuples(index=False):
            try:
                usable.append((row, *_read_pair(row, folders, settings)))
            except (AudioError, ValueError) as error:
                refused = {"start": 0, "n_samples": 0, "verdict": "refused", "reason": str(error)}
                manifest_rows.append(_common_columns(row, settings, {}) | refused)
        noisy, clean = ([pair[name] for _, pair, _ in usable] for name in ("noisy", "clean"))
        enhanced = [result.signal for result in enhance_batch(noisy, device=settings["df_device"])]
        df_lags, room_lags = align.lags(enhanced, noisy), align.lags(noisy, clean)
        for (row, pair, measured), output, df_lag, room_lag in zip(
            usable, enhanced, df_lags, room_lags, strict=True
        ):
            common = _common_columns(row, settings, measured)
            common |= {"df_lag": df_lag.samples, "df_lag_confidence": df_lag.confidence}
            common |= {"room_lag": room_lag.samples, "room_lag_confidence": room_lag.confidence}
            common["df_gain_db"] = _heard_gain_db(pair["noisy"])
            common["bandwidth_hz"] = _target_bandwidth_hz(pair["clean"], common["snr_db"])
            manifest_rows += save_pieces(root, row.id, pair | {"enhanced": output}, common)
    table = pd.DataFrame(manifest_rows)
    content = without_unused(table).to_csv(index=False)
    write_text(rows_path(root, rows.batch.iloc[0]), content)


def _read_pair(row: Any, folders: Sources, settings: dict) -> tuple[dict[str, np.ndarray], dict]:
    """`clean` and `noisy` of a row, and the columns that are measured on the way.

    Raises:
        AudioError, ValueError: the pair is refused, and why.
    """
    if row.noisy_path:
        pair = align_pair(
            row, folders, settings["own_max_lag_ms"], settings["own_max_length_difference"]
        )
        measured = {
            "own_lag": pair.lag,
            "own_gain_db": pair.gain_db,
            "own_inverted": pair.inverted,
            "gain": 1.0,
        }
    else:
        pair = mix_row(row, folders)
        _, rir_lag, t60 = read_room(folders.room / row.rir) if row.rir else (None, 0, 0.0)
        measured = {"rir_lag": rir_lag, "t60": t60, "gain": pair.gain}
    if not (np.isfinite(pair.noisy).all() and np.isfinite(pair.clean).all()):
        raise ValueError("the pair holds NaN or infinite samples")
    return {"clean": pair.clean, "noisy": pair.noisy}, measured


def _heard_gain_db(noisy: np.ndarray) -> float:
    """The highest gain with which DeepFilterNet3 hears a whole utterance."""
    samples = whole_hops(noisy).reshape(1, -1)
    factors, _ = sample_gains(samples, unknown_level(1), whole=True)
    return round(20 * float(np.log10(factors.max())), 2)


def _target_bandwidth_hz(clean: np.ndarray, snr_db: float) -> float:
    """The highest frequency up to which clean is a target."""
    # Silence is one at all frequencies, though a recording of silence has no bandwidth.
    if snr_db == mix.NOISE_ALONE_DB:
        return SAMPLE_RATE / 2
    return bandwidth_hz(clean, SAMPLE_RATE)


def _common_columns(row: Any, settings: dict, measured: dict) -> dict:
    """The columns that all pieces of a row share; the same ones for every kind of pair."""
    planned = {
        key: value for key, value in row._asdict().items() if key not in ("duration", "batch")
    }
    no_mixture = {key: value for key, value in NO_MIXTURE.items() if key not in planned}
    stored = {
        "sample_rate": SAMPLE_RATE,
        "format": FORMAT,
        "save_segment_length": settings["save_segment_length"],
        **{key: value for key, value in settings.items() if key.startswith("df_")},
    }
    return planned | no_mixture | NO_MEASURE | measured | stored
