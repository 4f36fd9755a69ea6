"""What the figures of `plots` show in this run: a sentence with their numbers, to stand below.

The other figures have such a function in their own module, `<figure>_in_words`. It takes what the
figure takes, so that both tell the same. Values that are NaN or infinite are left out.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

NOTHING = "There is nothing to see: no values."


def number(value: float, sign: str = "") -> str:
    """Three digits, for reading; `sign` is `+` where a plus is to be written.

    >>> number(10_796.3), number(0.12345, "+"), number(-0.0), number(np.nan)
    ('10,800', '+0.123', '0', '-')
    """
    if not np.isfinite(value):
        return "-"
    rounded = float(f"{value:.3g}") + 0.0  # no -0
    return f"{rounded:{sign},.0f}" if abs(rounded) >= 1000 else f"{rounded:{sign}.3g}"


def histogram_in_words(values: Sequence[float], label: str, limit: float) -> str:
    """How many values are within +-`limit`, and the one that is farthest from 0.

    >>> histogram_in_words([0.0, -0.25, 0.75], "lag (ms)", 0.5)
    'lag (ms): 2 of 3 are within ±0.5, the farthest is 0.75.'
    """
    values = _finite(values)
    if not len(values):
        return NOTHING
    n_within = int(np.count_nonzero(np.abs(values) <= limit))
    farthest = values[np.argmax(np.abs(values))]
    share = f"all {n_within:,}" if n_within == len(values) else f"{n_within:,} of {len(values):,}"
    return f"{label}: {share} are within ±{limit:g}, the farthest is {number(farthest)}."


def histograms_in_words(columns: Mapping[str, Sequence[float]]) -> str:
    """The lowest value, the median and the highest of each of `columns` (label -> values).

    >>> histograms_in_words({"peak": [0.1, 0.9, 0.3], "duration (s)": [2.0, 2.0]})
    'Median (lowest to highest): peak 0.3 (0.1 to 0.9); duration (s) 2 (all).'
    """
    parts = []
    for label, values in columns.items():
        if len(values := _finite(values)):
            low, high = values.min(), values.max()
            ends = "all" if low == high else f"{number(low)} to {number(high)}"
            parts.append(f"{label} {number(np.median(values))} ({ends})")
    return f"Median (lowest to highest): {'; '.join(parts)}." if parts else NOTHING


def least_in_words(columns: Mapping[str, Sequence[float]], limit: float) -> str:
    """How many values of each column reach `limit`, the lowest and the highest.

    >>> least_in_words({"confidence": [1.5, 4.0, 9.0]}, 2.5)
    'At 2.5 or more: confidence, 2 of 3 (1.5 to 9).'
    """
    parts = [
        f"{label}, {np.count_nonzero(values >= limit):,} of {len(values):,}"
        f" ({number(values.min())} to {number(values.max())})"
        for label, values in ((label, _finite(values)) for label, values in columns.items())
        if len(values)
    ]
    return f"At {limit:g} or more: {'; '.join(parts)}." if parts else NOTHING


def counts_in_words(series: Mapping[str, float], unit: str) -> str:
    """Which bar is the longest, and which the shortest.

    >>> counts_in_words({"WAV": 12, "FLAC": 3}, "files")
    'Most: WAV (12 of 15 files); fewest: FLAC (3).'
    """
    values = dict(series)
    if not values:
        return NOTHING
    most, fewest = max(values, key=values.get), min(values, key=values.get)
    total = sum(values.values())
    if len(values) == 1:
        return f"{most} has all {number(total)} {unit}."
    return (
        f"Most: {most} ({number(values[most])} of {number(total)} {unit});"
        f" fewest: {fewest} ({number(values[fewest])})."
    )


def ranking_in_words(series: Mapping[str, float], unit: str) -> str:
    """All bars, the highest first.

    >>> ranking_in_words({"enhanced": 51.0, "restored": 60.26}, "points")
    'Highest first: restored 60.3, enhanced 51 points.'
    """
    values = sorted(dict(series).items(), key=lambda item: -item[1])
    if not values:
        return NOTHING
    return f"Highest first: {', '.join(f'{name} {number(x)}' for name, x in values)} {unit}."


def groups_in_words(values: pd.Series, groups: pd.Series, noun: str) -> str:
    """How many different `values` each group has, and which of them occur in two groups.

    >>> noises, splits = pd.Series(["hum", "rain", "hum"]), pd.Series(["train", "test", "test"])
    >>> groups_in_words(noises, splits, "noises")
    '2 noises: 2 in test, 1 in train; in more than one of them: hum.'
    """
    table = pd.DataFrame({"value": values, "group": groups}).drop_duplicates()
    if table.empty:
        return NOTHING
    sizes = table.group.value_counts().sort_index()
    counted = ", ".join(f"{n} in {group}" for group, n in sizes.items())
    shared = sorted(table.value[table.value.duplicated()].unique())
    where = f"in more than one of them: {', '.join(shared)}" if shared else "none is in two of them"
    return f"{table.value.nunique()} {noun}: {counted}; {where}."


def gains_in_words(before: pd.Series, after: pd.Series, name: str, unit: str) -> str:
    """In how many items a value rises from `before` to `after`, and by how much.

    >>> gains_in_words(pd.Series([1.0, 2.0, 3.0]), pd.Series([5.0, 4.0, 1.5]), "SI-SDR", "dB")
    'SI-SDR rises in 2 of 3 items, by 2 dB in the median; lowest gain -1.5 dB, highest +4 dB.'
    """
    gains = _finite(after - before)
    if not len(gains):
        return NOTHING
    low, high = (number(gain, "+") for gain in (gains.min(), gains.max()))
    return (
        f"{name} rises in {np.count_nonzero(gains > 0):,} of {len(gains):,} items,"
        f" by {number(np.median(gains))} {unit} in the median;"
        f" lowest gain {low} {unit}, highest {high} {unit}."
    )


def scatter_in_words(x: Sequence[float], y: Sequence[float], band: float, unit: str) -> str:
    """How many points are within +-`band` of the line y = x, and how far off the farthest is.

    >>> scatter_in_words([0.0, 5.0], [0.1, 7.0], 0.5, "dB")
    '1 of 2 points are within ±0.5 dB of the line, the farthest is 2 dB off.'
    """
    off = np.abs(_finite(np.asarray(y, float) - np.asarray(x, float)))
    if not len(off):
        return NOTHING
    return (
        f"{np.count_nonzero(off <= band):,} of {len(off):,} points are within ±{band:g} {unit} of"
        f" the line, the farthest is {number(round(off.max(), 3))} {unit} off."
    )


def lines_in_words(table: pd.DataFrame, x: str, columns: Mapping[str, str], xlabel: str) -> str:
    """Where each line is highest and lowest.

    Args:
        columns: column of `table` -> what it is, with its unit.

    >>> table = pd.DataFrame({"n": [0, 1, 2], "ms": [30.0, 12.0, 15.0]})
    >>> lines_in_words(table, "n", {"ms": "a step (ms)"}, "workers")
    'Over workers: a step (ms) from 12 (at 1) to 30 (at 0).'
    """
    parts = []
    for column, name in columns.items():
        rows = table[np.isfinite(table[column].to_numpy(float))]
        if len(rows):
            low, high = rows.loc[rows[column].idxmin()], rows.loc[rows[column].idxmax()]
            if low[column] == high[column]:
                parts.append(f"{name} {number(low[column])} everywhere")
                continue
            parts.append(
                f"{name} from {number(low[column])} (at {number(low[x])})"
                f" to {number(high[column])} (at {number(high[x])})"
            )
    return f"Over {xlabel}: {'; '.join(parts)}." if parts else NOTHING


def latencies_in_words(table: pd.DataFrame, limit_ms: float) -> str:
    """How many hops of each stage took longer than `limit_ms`, and the median of each.

    >>> latencies_in_words(pd.DataFrame({"chain": [1.0, 2.0, 12.0]}), 10.0)
    'Median of a hop, and hops beyond 10 ms: chain 2 ms, 1 of 3.'
    """
    parts = [
        f"{name} {number(hops.median())} ms, {np.count_nonzero(hops > limit_ms)} of {len(hops):,}"
        for name, hops in table.items()
    ]
    return f"Median of a hop, and hops beyond {limit_ms:g} ms: {'; '.join(parts)}."


def stacked_in_words(table: pd.DataFrame, unit: str) -> str:
    """The sum of the first and of the last bar, and the largest part of the last.

    >>> table = pd.DataFrame({"load": [1.0, 1.0], "run": [5.0, 2.0]}, index=["before", "after"])
    >>> stacked_in_words(table, "ms")
    'before 6 ms, after 3 ms: 2 times as fast. The largest part then is run (67 %).'
    """
    totals, last = table.sum(axis=1), table.iloc[-1]
    return (
        f"{table.index[0]} {number(totals.iloc[0])} {unit}, {table.index[-1]}"
        f" {number(totals.iloc[-1])} {unit}: {number(totals.iloc[0] / totals.iloc[-1])} times as"
        f" fast. The largest part then is {last.idxmax()} ({last.max() / last.sum():.0%})."
    ).replace("%)", " %)")


def _finite(values: Sequence[float]) -> np.ndarray:
    values = np.asarray(values, float)
    return values[np.isfinite(values)]
