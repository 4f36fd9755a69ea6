"""Mixtures on the fly: in every epoch another noise, SNR and level for each utterance."""

from pathlib import Path

import pandas as pd

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.corpus import manifest, sources
from lib.corpus.sources import Sources
from lib.data.conditions import Conditions
from lib.data.mixtures import Mixtures
from lib.deepfilter.grid import DELAY
from lib.runtime.progress import echo

LEAD_IN_LENGTH = SAMPLE_RATE  # samples before a segment, in which DeepFilterNet3 warms up


def fresh_mixtures(
    corpus: str,
    rows: pd.DataFrame,
    segment_length: int,
    seed: int,
    speed: tuple[float, float] = (1.0, 1.0),
    gain: tuple[float, float] = (1.0, 1.0),
    p_invert: float = 0.0,
) -> Mixtures:
    """One mixture for each of these rows, of its utterance with any noise of these rows.

    SNRs, levels, rooms of these rows, formants, equalisers and faults of the recorder are drawn
    with the settings that the corpus was made with. An utterance is not used if its rows are all
    noise alone: its bandwidth is unknown. A mixture has a second before its segment, in which
    DeepFilterNet3 warms up, and its delay behind it. Utterances that would leave less than half a
    segment are not used.

    Args:
        corpus: name.
        rows: usable manifest rows of the corpus.
        segment_length: in samples.
        seed: of all draws.
        speed: range of factors by which utterances are resampled.
        gain, p_invert: as for segments of prepared pairs.

    Raises:
        ValueError: the files that the corpus was made from are gone, or it was made of recorded
            pairs, or no utterance is long enough.
    """
    folders, settings = manifest.stored_sources(corpus), manifest.stored_settings(corpus)
    if folders.noisy:
        raise ValueError(
            f"on_the_fly: {corpus} holds pairs that were not mixed here,"
            " so there is no noise to mix with"
        )
    # Of the utterance as it was recorded: a prepared pair may have been played faster.
    bandwidth_hz = {
        folders.speech / row.clean_path: min(row.bandwidth_hz / row.speed, SAMPLE_RATE / 2)
        for row in manifest.with_speech(rows).itertuples()
    }
    n_rows = {folders.speech / path: n for path, n in rows.clean_path.value_counts().items()}
    noises = sorted({folders.noise / path for path in rows.noise_path if path})
    conditions = _conditions(settings, rows, folders)
    used = [*bandwidth_hz, *noises, *conditions.rooms]
    if missing := [path for path in used if not path.exists()]:
        raise ValueError(
            f"on_the_fly: {missing[0]} is gone, one of {len(missing)} files"
            f" that {corpus} was made from"
        )
    originals = list(bandwidth_hz)
    original_of = dict(zip(sources.at_48_khz(originals), originals, strict=True))
    usable = _long_enough(list(original_of), segment_length, speed[1])
    if not usable:
        raise ValueError(
            f"on_the_fly: no utterance of {corpus} has {_min_length(segment_length)} samples:"
            " use a shorter segment_length"
        )
    if len(usable) < len(original_of):
        n_short = len(original_of) - len(usable)
        echo(
            f"{n_short} of {len(original_of)} utterances are too short for on_the_fly"
            " and are not used"
        )
    return Mixtures(
        [path for path in usable for _ in range(n_rows[original_of[path]])],
        sources.at_48_khz(noises),
        LEAD_IN_LENGTH + segment_length + DELAY,
        seed,
        settings["snr_db"],
        (settings["scale_min"], settings["scale_max"]),
        speed,
        settings["p_second_noise"],
        {path: bandwidth_hz[original_of[path]] for path in usable},
        conditions,
        gain,
        p_invert,
    )


def _conditions(settings: dict, rows: pd.DataFrame, folders: Sources) -> Conditions:
    """What the corpus was made with; settings that came later are missing in a corpus of before."""
    shares = "p_clean p_noise_alone p_reverb p_lowpass p_clip p_codec p_equalise".split()
    factors = ("formant_min", "formant_max")
    return Conditions(
        rooms=tuple(sorted(folders.room / path for path in set(rows.rir) if path)),
        early=round(settings["early_ms"] * SAMPLE_RATE / 1000),
        lowpass_hz=tuple(settings["lowpass_hz"]),
        **{name: settings.get(name, 0.0) for name in shares},
        **{name: settings.get(name, 1.0) for name in factors},
    )


def _min_length(segment_length: int) -> int:
    return LEAD_IN_LENGTH + segment_length // 2


def _long_enough(paths: list[Path], segment_length: int, speed_max: float) -> list[Path]:
    """The files that leave at least half a segment even at the highest speed."""
    min_length = speed_max * _min_length(segment_length)
    return [path for path in paths if files.info(path).n_samples >= min_length]
