"""What one should know of surveyed files before using them as clean speech."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from lib.audio.files import SAMPLE_RATE
from lib.corpus.survey import MAX_CLIPPED_SHARE

LOSSY_CODECS = frozenset(
    "VORBIS OPUS MPEG_LAYER_I MPEG_LAYER_II MPEG_LAYER_III GSM610 ULAW ALAW".split()
)
FULL_BAND_SHARE = 0.95  # of half of 48 kHz; a file with less bandwidth gets a remark
FULL_SCALE_PEAK = 0.999
MAX_DC = 0.01  # re full scale
FAINT_DB = -45.0  # dBFS
LOWER_RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000)  # Hz


def remarks(files: pd.DataFrame) -> pd.Series:
    """A line on each file, empty where there is nothing to remark.

    Args:
        files: of `survey` with `bandwidth=True`.
    """
    usable = files.reason == ""
    lines = [[] for _ in range(len(files))]

    def remark(rows: pd.Series, values: pd.Series, text: Callable[[object], str]) -> None:
        for line, chosen, value in zip(lines, rows, values, strict=True):
            if chosen:
                line.append(text(value))

    remark(~usable, files.reason, str)
    remark(files.codec.isin(LOSSY_CODECS), files.codec, "lossy codec {}".format)
    narrow = files.bandwidth_hz < FULL_BAND_SHARE * SAMPLE_RATE / 2
    remark(narrow, files.bandwidth_hz, _edge)
    other_rate = files.sample_rate.notna() & (files.sample_rate != SAMPLE_RATE)
    remark(other_rate, files.sample_rate, "at {:g} Hz".format)
    clipped = files.clipped > MAX_CLIPPED_SHARE
    loud = (files.peak >= FULL_SCALE_PEAK) & (files.clipped <= MAX_CLIPPED_SHARE)
    remark(loud, files.peak, lambda _: "touches full scale")
    remark(usable & clipped, files.clipped, "{:.1%} clipped".format)
    remark(files.dc.abs() > MAX_DC, files.dc, "DC of {:+.3f}".format)
    remark(usable & (files.level_db < FAINT_DB), files.level_db, "faint ({:.0f} dBFS)".format)
    return pd.Series([", ".join(line) for line in lines], files.index, dtype=object)


def likely_cause(edge_hz: float) -> str:
    """What probably cut a recording off at `edge_hz`, as the end of a sentence.

    >>> likely_cause(20_500), likely_cause(7_400)
    (', as Opus, AAC or MP3 leave it', ', as a rate of 16 kHz leaves it')
    >>> likely_cause(10_900), likely_cause(13_000)
    (', as a rate of 22.05 kHz leaves it', '')
    """
    if 19_400 <= edge_hz <= 20_700:
        return ", as Opus, AAC or MP3 leave it"
    # A resampler's passband ends at 87 to 100 % of half the rate.
    rates = [rate for rate in LOWER_RATES if 0.87 <= 2 * edge_hz / rate <= 1.01]
    return f", as a rate of {rates[0] / 1000:g} kHz leaves it" if rates else ""


def worst(files: pd.DataFrame, n: int = 10) -> pd.DataFrame:
    """The `n` worst files by each criterion, a row each: criterion, value, kind, path.

    Args:
        files: of `survey` with `bandwidth=True`.
    """
    criteria = {  # values, and whether the smallest are the worst
        "lowest bandwidth (Hz)": (files.bandwidth_hz, True),
        "most clipped (share)": (files.clipped.where(files.clipped > 0), False),
        "strongest DC": (files.dc.abs(), False),
        "faintest (dBFS)": (files.level_db.replace(-np.inf, np.nan), True),
        "shortest (s)": (files.duration, True),
    }
    tables = []
    for name, (values, smallest) in criteria.items():
        chosen = values.dropna().sort_values(ascending=smallest, kind="stable").head(n)
        table = files.loc[chosen.index, ["kind", "path"]]
        tables.append(table.assign(criterion=name, value=chosen))
    return pd.concat(tables)[["criterion", "value", "kind", "path"]].reset_index(drop=True)


def _edge(edge_hz: float) -> str:
    return f"holds nothing above {edge_hz / 1000:.1f} kHz{likely_cause(edge_hz)}"
