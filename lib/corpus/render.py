"""Plan -> files: aligned `clean`, `noisy`, `enhanced` at 48 kHz with a manifest, a folder for each corpus.

A plan's rows are rendered in batches; a batch's rows are written after its files, so a preparation that was killed goes on
where it was, and any number of processes makes the same bytes.
"""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from cachetools import LRUCache, cached
from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

from lib.audio import align, files, levels
from lib.audio.bandwidth import bandwidth_hz
from lib.audio.files import SAMPLE_RATE
from lib.corpus import mix, recorded_pairs, sources, survey
from lib.corpus.manifest import (
    SIGNALS,
    corpus_folder,
    read,
    read_csv,
    rows_path,
    stored_sources,
    write_text,
)
from lib.corpus.plan import Plan, draw
from lib.corpus.rooms import direct_path, t60
from lib.corpus.sources import Sources
from lib.deepfilter.enhance import enhance_batch
from lib.metrics.si_sdr import si_sdr_db
from lib.runtime import parallel
from lib.runtime.threads import one_thread

FORMAT = "FLAC PCM_24"
MAX_DF_LAG = 24  # samples (0.5 ms) that enhanced may surely be off noisy
IDENTICAL_SI_SDR_DB = 75.0  # SI-SDR from which on noisy is clean, up to its rounding to 16 bits
NO_MIXTURE = {  # what the manifest says of a pair that was not mixed here
    "snr_db": np.nan, "scale": np.nan, "noise_path": "", "noise_offset": 0, "second_noise_path": "", "second_noise_offset": 0,
    "second_noise_db": 0.0, "rir": "", "early": 0, "lowpass_hz": 0.0, "clip_db": 0.0,
}  # fmt: skip


def render(
    corpus: str, plan: Plan, given: Sources, n_processes: int = 1, dask_address: str = ""
) -> pd.DataFrame:
    """Make all files of a plan and return the manifest, also written as `manifest.csv`. What is there is not made again.

    `manifest.attrs["audio_per_s"]` tells how many seconds of audio were made in a second, 0.0 if there was nothing to do.

    Raises:
        ValueError: the corpus was prepared with other settings (it is not overwritten), or another preparation is at it.
    """
    root = corpus_folder(corpus)
    (root / "rows").mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(root / ".lock", timeout=0):
            return _render(root, plan, given, n_processes, dask_address)
    except Timeout:
        raise ValueError(
            f"{root}: another preparation of this corpus is running: wait for it, or stop it"
        ) from None


def _render(
    root: Path, plan: Plan, given: Sources, n_processes: int, dask_address: str
) -> pd.DataFrame:
    stated = root / "plan.json"
    if stated.exists():
        before = json.loads(stated.read_text())["settings"]
        changed = sorted(key for key in plan.settings if before.get(key) != plan.settings[key])
        if changed:
            raise ValueError(
                f"{root} was prepared with another {', '.join(changed)}: give this corpus a name of its own"
                " (-p corpus NAME), or delete that folder"
            )
    for part in root.rglob(".*.part"):  # of a process that was killed
        part.unlink(missing_ok=True)
    here = {name: str(path) for name, path in given._asdict().items() if path}
    write_text(stated, json.dumps({"settings": plan.settings, "sources": here}, indent=1))

    batches = [
        rows
        for _, rows in plan.rows.groupby("batch")
        if not rows_path(root, rows.batch.iloc[0]).exists()
    ]
    began = time.monotonic()
    arguments = [(root, rows, given, plan.settings) for rows in batches]
    for _ in parallel.each(
        _render_batch, arguments, "DeepFilterNet3", n_processes, dask_address, ordered=False
    ):
        pass
    seconds = time.monotonic() - began
    manifest = pd.concat(
        [read_csv(rows_path(root, batch)) for batch in sorted(plan.rows.batch.unique())]
    )
    manifest = manifest.sort_values("id").reset_index(drop=True)
    write_text(root / "manifest.csv", manifest.to_csv(index=False))
    manifest.attrs["audio_per_s"] = (
        sum(rows.duration.sum() for rows in batches) / seconds if batches else 0.0
    )
    return manifest


def find_or_render(corpus: str, embedded) -> pd.DataFrame:
    """The manifest of `corpus`; the embedded corpus is made first if it is not there.

    Args:
        embedded: config.Prepare with its defaults.
    """
    if corpus == embedded.corpus and not (corpus_folder(corpus) / "manifest.csv").exists():
        given = sources.choose()
        return render(corpus, draw(embedded, given), given, embedded.n_processes)
    return read(corpus)


def inspected_folders(p) -> dict[str, Path]:
    """What `inspect` looks at, kind -> folder: those that `p` (config.Inspect) names, else what the corpus was made from."""
    own_folders = {"speech": p.speech_dir, "noise": p.noise_dir}
    named = {kind: sources.place(path) for kind, path in own_folders.items() if path}
    if named:
        return named
    prepared = (corpus_folder(p.corpus) / "plan.json").exists()
    given = stored_sources(p.corpus) if prepared else sources.choose()
    return {kind: path for kind, path in given._asdict().items() if path}


def render_mixture(row, given: Sources) -> mix.Mixture:
    """Render one mixed row of plan or manifest again, alone: the parts of `noisy` before DeepFilterNet3, whole utterance."""
    clean = files.read(given.speech / row.clean_path, SAMPLE_RATE)
    noise = mix.loop(_noise(given.noise / row.noise_path), row.noise_offset, len(clean))
    if row.second_noise_path:
        second = mix.loop(
            _noise(given.noise / row.second_noise_path), row.second_noise_offset, len(clean)
        )
        noise = mix.add_noise(noise, second, row.second_noise_db)
    rir = _room(given.room / row.rir)[0] if row.rir else None
    return mix.mix(clean, noise, row.snr_db, row.scale, rir, row.early, row.lowpass_hz, row.clip_db)


def _render_batch(root: Path, rows: pd.DataFrame, given: Sources, settings: dict) -> None:
    """On one thread, so that the bytes do not depend on the number of processes."""
    rows = list(rows.itertuples(index=False))
    with one_thread(), threadpool_limits(1):
        heard = [_heard_or_reason(row, given, settings) for row in rows]
        made = [
            (row, *parts)
            for row, parts in zip(rows, heard, strict=True)
            if not isinstance(parts, str)
        ]
        noisy, clean = ([pair[name] for _, pair, _ in made] for name in ("noisy", "clean"))
        enhanced = [result.signal for result in enhance_batch(noisy, device=settings["df_device"])]
        df_lags, room_lags = align.lags(enhanced, noisy), align.lags(noisy, clean)
        done = [
            _about(row, settings, {})
            | {"start": 0, "n_samples": 0, "verdict": "refused", "reason": parts}
            for row, parts in zip(rows, heard, strict=True)
            if isinstance(parts, str)
        ]
        for (row, pair, more), output, df_lag, room_lag in zip(
            made, enhanced, df_lags, room_lags, strict=True
        ):
            about = _about(row, settings, more)
            about |= {"df_lag": df_lag.samples, "df_lag_confidence": df_lag.confidence}
            about |= {"room_lag": room_lag.samples, "room_lag_confidence": room_lag.confidence}
            about["bandwidth_hz"] = bandwidth_hz(pair["clean"], SAMPLE_RATE)
            done += _save(root, row.id, pair | {"enhanced": output}, about)
    write_text(rows_path(root, rows[0].batch), pd.DataFrame(done).to_csv(index=False))


def _heard_or_reason(row, given: Sources, settings: dict) -> tuple[dict, dict] | str:
    """`clean` and the `noisy` that DeepFilterNet3 is to hear, with more to say of them; or why this row is refused."""
    try:
        if row.noisy_path:
            pair = recorded_pairs.align_pair(
                row, given, settings["own_max_lag_ms"], settings["own_max_length_difference"]
            )
            more = {
                "own_lag": pair.lag,
                "own_gain_db": pair.gain_db,
                "own_inverted": pair.inverted,
                "gain": 1.0,
            }
        else:
            pair = render_mixture(row, given)
            response = _room(given.room / row.rir) if row.rir else (None, 0, 0.0)
            more = {"rir_lag": response[1], "t60": response[2], "gain": pair.gain}
    except (files.AudioError, ValueError) as error:
        return str(error)
    if not (np.isfinite(pair.noisy).all() and np.isfinite(pair.clean).all()):
        return "the pair holds NaN or infinite samples"
    return {"clean": pair.clean, "noisy": pair.noisy}, more


def _about(row, settings: dict, more: dict) -> dict:
    """What the manifest says of every piece of a row; the same columns for all rows."""
    about = {key: value for key, value in row._asdict().items() if key not in ("duration", "batch")}
    identity = {key: value for key, value in settings.items() if key.startswith("df_")}
    length = settings["save_segment_length"]
    stored = {
        "sample_rate": SAMPLE_RATE,
        "format": FORMAT,
        "save_segment_length": length,
        **identity,
    }
    unknown = {
        "rir_lag": 0,
        "t60": 0.0,
        "own_lag": 0,
        "own_gain_db": 0.0,
        "own_inverted": False,
        "gain": np.nan,
    }
    return (
        about
        | {key: value for key, value in NO_MIXTURE.items() if key not in about}
        | unknown
        | more
        | stored
    )


def _save(root: Path, name: str, signals: dict[str, np.ndarray], about: dict) -> list[dict]:
    """Cut a pair into pieces and write those that are fit for training; a manifest row each.

    A pair that passes full scale (DeepFilterNet3 may overshoot, an own recording may be loud) is turned down as a whole.
    """
    gain = min(
        1.0, mix.HEADROOM / max(np.abs(signal).max(initial=1e-9) for signal in signals.values())
    )
    about |= {"scale": float(np.abs(signals["noisy"]).max() * gain), "gain": about["gain"] * gain}
    n_samples, length, rows = len(signals["noisy"]), about["save_segment_length"], []
    length = length or n_samples
    for number, start in enumerate(range(0, n_samples, length)):
        own_name = name if length >= n_samples else f"{name}_p{number:03d}"
        piece = {
            key: signal[start : start + length] * np.float32(gain)
            for key, signal in signals.items()
        }
        row = (
            about
            | {"id": own_name, "start": start, "n_samples": len(piece["noisy"])}
            | _verified(piece, about)
        )
        for key, signal in piece.items() if row["verdict"] == "ok" else ():
            row[key] = f"{key}/{own_name}{files.EXTENSION}"
            files.write(root / row[key], signal, SAMPLE_RATE)
        rows.append(row)
    return rows


def _verified(piece: dict[str, np.ndarray], about: dict) -> dict:
    """What a pair measures and whether it is fit for training."""
    clean, noisy, enhanced = (piece[name] for name in SIGNALS)
    found = {f"level_{name}_db": levels.level_db(signal) for name, signal in piece.items()}
    found |= {f"clipped_{name}": levels.clipped_share(piece[name]) for name in ("clean", "noisy")}
    alike = len(clean) == len(noisy) == len(enhanced)
    found |= {
        f"si_sdr_{name}_db": si_sdr_db(piece[name], clean) if alike else np.nan
        for name in ("noisy", "enhanced")
    }
    late = about["df_lag"] if about["df_lag_confidence"] >= align.MIN_CONFIDENCE else 0
    reasons = [
        (not alike, "lengths differ"),
        (np.abs(clean).max() < levels.SILENT_PEAK, "clean is silent"),
        (
            found["clipped_clean"] > survey.MAX_CLIPPED_SHARE,
            f"{found['clipped_clean']:.1%} of clean is clipped",
        ),
        (
            found["si_sdr_noisy_db"] > IDENTICAL_SI_SDR_DB,
            f"noisy is clean (SI-SDR {found['si_sdr_noisy_db']:.0f} dB)",
        ),
        (np.array_equal(noisy, enhanced), "DeepFilterNet3 changed nothing"),
        (np.abs(enhanced).max() < levels.SILENT_PEAK, "DeepFilterNet3 left nothing over"),
        (abs(late) > MAX_DF_LAG, f"enhanced is {late} samples off noisy"),
    ]
    reason = ", ".join(text for wrong, text in reasons if wrong)
    return found | {"verdict": "refused" if reason else "ok", "reason": reason}


def _n_bytes(value) -> int:
    return (value[0] if isinstance(value, tuple) else value).nbytes


@cached(LRUCache(maxsize=2**30, getsizeof=_n_bytes))  # 1 GB of noises in a process
def _noise(path: Path) -> np.ndarray:
    return files.read(path, SAMPLE_RATE)


@cached(LRUCache(maxsize=2**28, getsizeof=_n_bytes))
def _room(path: Path) -> tuple[np.ndarray, int, float]:
    """The response from its direct path on, the samples before it, T60 in seconds."""
    rir, lag = direct_path(files.read(path, SAMPLE_RATE, first_channel=True))
    return rir, lag, t60(rir, SAMPLE_RATE)
