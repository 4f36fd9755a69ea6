"""What a prepared corpus holds: of each speaker, and under which conditions.

All functions count the usable pairs of a manifest.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.audio.stft import frames
from lib.corpus import manifest, mix
from lib.corpus.splits import SPLITS
from lib.runtime import parallel
from lib.runtime.once import MARKER

CHUNK_LENGTH = SAMPLE_RATE // 100  # 10 ms
N_CHUNKS = 6  # of a stretch of 60 ms, as short as the shortest pauses in read speech
SPEECH_DB = 25.0  # re the loudest; less than the 40 dB of SNRs, so that a noisy pause is no speech
WRITTEN_SILENCE_DB = -100.0  # re speech; no microphone is as quiet, so such samples were written
LOUD_PAUSES_DB = -40.0  # re speech; above, the noise of a recording can be heard
MAX_MEASURED = 30  # utterances of a speaker: their median hardly moves with more
SNR_STEP_DB = 5.0  # of classes, where a corpus has more values than MAX_SNRS
MAX_SNRS = 12
ABOUT_SPEAKERS = "speakers.csv"  # in the folder of speech: speaker, language, sex


def speakers(corpus: str, rows: pd.DataFrame, n_processes: int = 1) -> pd.DataFrame:
    """A row for each speaker of the `rows` of a manifest, held-out ones first.

    Columns: speaker, held_out; minutes_<split> of distinct clean speech, pairs_<split>; bandwidth
    of the pairs (bandwidth_hz, and the lowest and highest); pauses_db, the median over utterances
    of `quietest_db`; language and sex, if the folder of speech says so in `speakers.csv`.
    """
    rows = _usable(rows)
    by_speaker = rows.groupby("speaker")
    table = pd.DataFrame(
        {"held_out": by_speaker.group.agg(lambda x: (x == "unseen speaker").any())}
    )
    minutes = distinct_minutes(rows).groupby(["speaker", "split"]).sum().unstack()
    pairs = by_speaker.split.value_counts().unstack()
    for name, values in (("minutes", minutes), ("pairs", pairs)):
        values = values.reindex(columns=SPLITS).fillna(0)
        table = table.join(values.astype(int if name == "pairs" else float).add_prefix(f"{name}_"))
    # Noise alone has neither a band of its own nor pauses.
    spoken = manifest.with_speech(rows)
    band = spoken.groupby("speaker").bandwidth_hz.agg(["median", "min", "max"])
    band.columns = ["bandwidth_hz", "lowest_bandwidth_hz", "highest_bandwidth_hz"]
    table = table.join(band).join(pauses_db(corpus, spoken, n_processes)).join(_about(corpus))
    total = table[[f"minutes_{split}" for split in SPLITS]].sum(axis=1)
    order = total.to_frame("minutes").assign(seen=~table.held_out)
    return table.loc[order.sort_values(["seen", "minutes"], ascending=[True, False]).index]


def distinct_minutes(rows: pd.DataFrame) -> pd.Series:
    """Minutes of each clean recording at its own speed, however many pairs it is in.

    The index is (speaker, split, clean_path). A recording that was saved in pieces is their sum.
    """
    keys = ["speaker", "split", "clean_path"]
    seconds = rows.assign(seconds=rows.n_samples * rows.speed / rows.sample_rate)
    # A pair is one item of a recording, or one noisy recording of it.
    return seconds.groupby([*keys, "noisy_path", "item"]).seconds.sum().groupby(keys).max() / 60


def pauses_db(corpus: str, rows: pd.DataFrame, n_processes: int = 1) -> pd.Series:
    """The median of `quietest_db` over utterances of each speaker, from their clean files.

    Of each utterance the pair that was changed least is read, and of each speaker no more than
    30 utterances, evenly among them.
    """
    changes = (rows.rir != "").astype(int) + (rows.equaliser != "") + (rows.speed != 1)
    changes += rows.formant != 1
    least = rows.assign(changes=changes).sort_values(["changes", "id"], kind="stable")
    least = least.drop_duplicates("clean_path").sort_values("clean_path")
    place, count = (
        least.groupby("speaker").cumcount(),
        least.groupby("speaker").id.transform("size"),
    )
    step = (count / MAX_MEASURED).clip(lower=1)
    chosen = least[(place % step) < 1]
    root = manifest.corpus_folder(corpus)
    calls = [(root / path,) for path in chosen.clean]
    levels = list(parallel.each(_quietest_db, calls, "measuring pauses", n_processes))
    by_speaker = pd.Series(levels, index=chosen.speaker, name="pauses_db", dtype=float)
    return by_speaker.groupby(level=0).median()


def quietest_db(signal: np.ndarray) -> float:
    """Level of the quietest 60 ms of speech `[T]` at 48 kHz, in dB re its loud parts.

    Loud parts are the 10 ms that are within 25 dB of the loudest. Digital silence does not count:
    a stretch that holds 10 ms of it is left out. In an utterance with pauses the level is that of
    the recording's noise. Words that are cut close have none; then it is that of a closing sound,
    louder than the noise. NaN for silence.

    >>> tone = np.sin(2 * np.pi * 400 * np.arange(48_000) / 48_000)
    >>> round(quietest_db(np.concatenate([tone, 0.001 * tone, np.zeros(48_000)])), 1)
    -60.0
    """
    power = np.mean(np.square(frames(signal, CHUNK_LENGTH, CHUNK_LENGTH), dtype=np.float64), axis=1)
    if not power.any():
        return np.nan
    speech = power[power > power.max() * 10 ** (-SPEECH_DB / 10)].mean()
    stretches = frames(power, N_CHUNKS, 1)
    is_recorded = stretches.min(axis=1) > speech * 10 ** (WRITTEN_SILENCE_DB / 10)
    quietest = stretches[is_recorded].mean(axis=1).min(initial=np.inf)
    return 10 * float(np.log10(quietest / speech)) if is_recorded.any() else np.nan


def loud_pauses(table: pd.DataFrame) -> str:
    """What to know of the speakers whose pauses are loud; empty if there is none.

    Args:
        table: as from `speakers`.
    """
    loud = table[table.pauses_db > LOUD_PAUSES_DB].pauses_db.sort_values(ascending=False)
    if loud.empty:
        return ""
    named = ", ".join(f"{speaker} ({level:.1f} dB)" for speaker, level in loud.items())
    return (
        f"Pauses louder than {LOUD_PAUSES_DB:.0f} dB re speech: {named}. A restorer that trains on"
        " such a voice learns its noise as a part of the target. Words that are cut close have no"
        " pauses and look the same here: listen before a voice is left out."
    )


def snr_counts(rows: pd.DataFrame) -> pd.DataFrame:
    """Pairs of each SNR, a column for each split; the last rows are those without noise or speech.

    SNRs are in steps of 5 dB if there are more than twelve. That of a recorded pair is unknown.
    """
    rows = _usable(rows)
    snr_db = rows.snr_db
    if snr_db.nunique() > MAX_SNRS:
        snr_db = (snr_db / SNR_STEP_DB).round() * SNR_STEP_DB + 0.0  # no -0
    names = snr_db.map("{:g}".format).where(snr_db.notna(), "no noise")
    names = names.where(snr_db != mix.NOISE_ALONE_DB, "noise alone")
    names = names.where(rows.noisy_path == "", "recorded")
    order = [f"{value:g}" for value in sorted(snr_db[np.isfinite(snr_db)].unique())]
    order += [name for name in ("no noise", "noise alone", "recorded") if (names == name).any()]
    counts = names.groupby([names, rows.split]).size().unstack()
    return _by_split(counts, order).astype(int).rename_axis(index="snr")


def condition_shares(rows: pd.DataFrame) -> pd.DataFrame:
    """In which share of a split's pairs something was done, a column for each split, 0 to 1.

    Only what occurs has a row.
    """
    rows = _usable(rows)
    done = {
        "in a room": rows.rir != "",
        "second noise": rows.second_noise_path != "",
        "equalised": rows.equaliser != "",
        "other speed": rows.speed != 1,
        "other formants": rows.formant != 1,
        "codec": rows.codec != "",
        "low-pass": rows.lowpass_hz > 0,
        "clipped": rows.clip_db > 0,
        "joined words": rows.parts != "",
    }
    shares = pd.DataFrame(done).groupby(rows.split).mean().T
    occurring = [name for name, pairs in done.items() if pairs.any()]
    return _by_split(shares, occurring).rename_axis(index="condition")


def identity(corpus: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Which corpus it is, for a table: its hashes, its size."""
    usable = _usable(rows)
    values = {
        "corpus": corpus,
        "manifest sha256": manifest.sha256(corpus),
        "plan sha256": manifest.stored_settings(corpus)["plan"],
        "speakers": usable.speaker.nunique(),
        "minutes of distinct clean speech": f"{distinct_minutes(usable).sum():.1f}",
        "hours of pairs": f"{usable.n_samples.sum() / usable.sample_rate.max() / 3600:.2f}",
        "pairs": len(usable),
        "pairs refused": len(rows) - len(usable),
    }
    return pd.DataFrame({"value": values.values()}, pd.Index(values, name="what"))


def _by_split(table: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Rows in this order; the splits as columns, 0 where a split has nothing."""
    return table.reindex(index=order, columns=SPLITS).fillna(0).rename_axis(columns=None)


def _usable(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows.verdict == "ok"]


def _quietest_db(path: Path) -> float:
    return quietest_db(files.read(path))


def _about(corpus: str) -> pd.DataFrame:
    """Language and sex of the speakers, if the folder of speech says so; else no column."""
    folder = manifest.stored_sources(corpus).speech
    if (folder / MARKER).exists():  # a folder that was made out of another one
        folder = Path(json.loads((folder / MARKER).read_text()).get("root", folder))
    if not (folder / ABOUT_SPEAKERS).exists():
        return pd.DataFrame()
    about = pd.read_csv(folder / ABOUT_SPEAKERS, dtype=str, keep_default_na=False)
    return about.set_index("speaker")[["language", "sex"]]
