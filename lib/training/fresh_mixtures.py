"""Mixtures on the fly: in every epoch another noise, SNR and level for each utterance."""

from pathlib import Path

import pandas as pd

from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.corpus import manifest, sources
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
) -> Mixtures:
    """One mixture for each of these rows, of its utterance with any noise of these rows.

    SNRs and levels are drawn from the ranges that the corpus was made with. A mixture has a second
    before its segment, in which DeepFilterNet3 warms up, and its delay behind it. Utterances that
    would leave less than half a segment are not used. There are no rooms.

    Args:
        corpus: name.
        rows: usable manifest rows of the corpus.
        segment_length: in samples.
        seed: of all draws.
        speed: range of factors by which utterances are resampled.

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
    bandwidth_hz = {folders.speech / row.clean_path: row.bandwidth_hz for row in rows.itertuples()}
    n_rows = {folders.speech / path: n for path, n in rows.clean_path.value_counts().items()}
    noises = sorted({folders.noise / path for path in rows.noise_path})
    if missing := [path for path in [*bandwidth_hz, *noises] if not path.exists()]:
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
    )


def _min_length(segment_length: int) -> int:
    return LEAD_IN_LENGTH + segment_length // 2


def _long_enough(paths: list[Path], segment_length: int, speed_max: float) -> list[Path]:
    """The files that leave at least half a segment even at the highest speed."""
    min_length = speed_max * _min_length(segment_length)
    return [path for path in paths if files.info(path).n_samples >= min_length]
