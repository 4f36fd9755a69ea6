"""What scores say: of each system, by class of recording, of the best and the worst items, and of what is missing.

Scores come as a long table: a row for each item and system, the columns `item_id system snr_db speaker noise` and one
for each metric of `lib.metrics`.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from lib import figures, metrics

SYSTEMS = tuple(figures.COLOURS)  # noisy, enhanced, restored, clean: the order of tables, players and keys


def score_table(
    items: Iterable[tuple[dict, Mapping[str, np.ndarray]]],
    sample_rate: int,
    n_processes: int = 1,
    n_items: int | None = None,
    names: Sequence[str] = metrics.ALL,
) -> pd.DataFrame:
    """Scores of each system of each item against its clean signal. None is computed twice, in whatever run.

    Args:
        items: pairs of a row (`item_id snr_db speaker noise bandwidth_hz` and whatever else the table is to hold) and
            its signals (system -> `[T]`), `clean` among them. May be a generator that restores: few are held at a time.
        sample_rate: of all signals, Hz.
        n_items: their number, where `items` is a generator; the progress bar counts signals, four for each.
        names: which scores.
    """
    rows = []

    def jobs():
        for row, signals in items:
            for system, signal in signals.items():
                rows.append(row | {"system": system})
                yield signal, signals["clean"], row["bandwidth_hz"]

    n_items = len(items) if hasattr(items, "__len__") else n_items
    total = n_items and n_items * len(SYSTEMS)
    scores = metrics.score_all(jobs(), sample_rate, n_processes, names, total, metrics.scores_kept)
    return pd.DataFrame([row | score for row, score in zip(rows, scores, strict=True)])


def summary(scores: pd.DataFrame, seed: int, n_bootstrap: int = 2000) -> pd.DataFrame:
    """One row for each metric, over the items for which both `restored` and `enhanced` have that score.

    Columns: the mean of each system; `difference`, the mean of restored - enhanced, between `low` and `high`, its 95 %
    bootstrap interval over items; `p_value` (Wilcoxon's signed-rank test, corrected for the number of metrics after Holm);
    `better` and `worse`, the shares of items that restoring made so; `gap_closed`, a ratio of means (NaN where clean has no
    finite score, or no better one than enhanced); `n_items`.

    Raises:
        ValueError: an item and system have two rows.
    """
    table = _compared(scores, seed, n_bootstrap)
    return table.assign(p_value=metrics.holm(table["p_value"]))


def by(scores: pd.DataFrame, column: str, seed: int, n_bootstrap: int = 2000) -> pd.DataFrame:
    """A `summary` for each class of `column` (`snr_db`, in five classes if many; `speaker`; `noise`); p values corrected for all.

    Columns: `column`, metric, and those of `summary`.
    """
    classes, names = figures.classes(scores[column])
    parts = {name: _compared(scores[classes == i], seed, n_bootstrap) for i, name in enumerate(names)}
    table = pd.concat(parts, names=[column, "metric"]).reset_index()
    return table.assign(p_value=metrics.holm(table["p_value"]))


def extremes(scores: pd.DataFrame, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The `n` items that restoring made worst and best, the most extreme first: item_id, gain, and what each score gained.

    `gain` is the mean over LSD, MCD and PESQ of restored - enhanced, turned so that more is better and divided by the standard
    deviation over all items. Items that lack one of them are left out.
    """
    wide = {
        name: scores.pivot(index="item_id", columns="system", values=name)
        for name in metrics.SELECTION
        if name in scores
    }
    gains = pd.DataFrame({name: metrics.SIGN[name] * (one["restored"] - one["enhanced"]) for name, one in wide.items()})
    gains = gains[np.isfinite(gains).all(axis=1)]
    spread = gains.std().replace(0.0, np.nan)
    gains.insert(0, "gain", (gains / spread).mean(axis=1).fillna(0.0))
    ordered = gains.sort_values("gain", kind="stable").reset_index()
    return ordered.head(n), ordered.iloc[::-1].head(n).reset_index(drop=True)


def missing(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores that could not be computed, by name: item_id, system, metric."""
    long = scores.melt(["item_id", "system"], [name for name in metrics.ALL if name in scores], "metric")
    return long.loc[long.value.isna(), ["item_id", "system", "metric"]].reset_index(drop=True)


def as_restored(scores: pd.DataFrame, system: str) -> pd.DataFrame:
    """The scores with another system in the place of `restored`: one of several runs that are judged at once."""
    others = set(scores.system) - {*SYSTEMS, system} | ({"restored"} - {system})
    return scores[~scores.system.isin(others)].replace({"system": {system: "restored"}})


def _compared(scores: pd.DataFrame, seed: int, n_bootstrap: int) -> pd.DataFrame:
    rows = {}
    for metric in [name for name in metrics.ALL if name in scores]:
        table = scores.pivot(index="item_id", columns="system", values=metric).reindex(columns=list(SYSTEMS))
        table = table[np.isfinite(table["restored"]) & np.isfinite(table["enhanced"])]
        gain = table["restored"] - table["enhanced"]
        low, high = metrics.bootstrap_interval(gain, seed, n_bootstrap)
        gap = (
            metrics.SIGN[metric] * (table["clean"].mean() - table["enhanced"].mean()) > 0
        )  # else there is none to close
        rows[metric] = {
            **table.mean(),
            "difference": gain.mean(),
            "low": low,
            "high": high,
            "p_value": metrics.signed_rank(gain),
            "better": (metrics.SIGN[metric] * gain > 0).mean(),
            "worse": (metrics.SIGN[metric] * gain < 0).mean(),
            "gap_closed": metrics.gap_closed(table["restored"], table["enhanced"], table["clean"]) if gap else np.nan,
            "n_items": len(table),
        }
    columns = [*SYSTEMS, "difference", "low", "high", "p_value", "better", "worse", "gap_closed", "n_items"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("metric")


def as_text(table: pd.DataFrame) -> str:
    """A `summary` for the terminal; arrows show the better direction."""
    lines = cells(table)
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    text = [
        "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))])
        for line in lines
    ]
    return "\n".join([headline(table), "", *(line.rstrip() for line in text)])


def headline(table: pd.DataFrame) -> str:
    """What a `summary` is of."""
    numbers = sorted(set(table["n_items"]))
    n = " to ".join(str(n) for n in (numbers if len(numbers) < 2 else [numbers[0], numbers[-1]])) or "no"
    return f"{n} items; difference: restored - enhanced, paired, with its 95 % bootstrap interval"


def cells(table: pd.DataFrame) -> list[list[str]]:
    """The lines of a summary as text, the head first."""
    lines = [["", *SYSTEMS, "difference", "interval", "p", "made better", "worse", "gap closed", "items"]]
    for metric, row in table.iterrows():
        interval = f"[{number(row['low'], metric, '+')}, {number(row['high'], metric, '+')}]"
        shares = [
            f"{100 * row[name]:.0f} %" if np.isfinite(row[name]) else "-" for name in ("better", "worse", "gap_closed")
        ]
        arrow = "↑" if metrics.SIGN[metric] > 0 else "↓"
        means = [number(row[name], metric) for name in SYSTEMS]
        difference = number(row["difference"], metric, "+")
        p_value = _p_value(row["p_value"])
        lines.append(
            [f"{arrow} {label(metric)}", *means, difference, interval, p_value, *shares, f"{row['n_items']:.0f}"]
        )
    return lines


def _p_value(value: float) -> str:
    if not np.isfinite(value):
        return "-"
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def label(metric: str) -> str:
    """The name of a score and its unit."""
    name, unit, _ = figures.LABELS.get(metric, (metric, "", 2))
    return f"{name} ({unit})" if unit else name


def number(value: float, metric: str, sign: str = "") -> str:
    """A score with the decimals worth showing; a hyphen where it is missing."""
    digits = figures.LABELS.get(metric, (metric, "", 2))[2]
    return f"{value:{sign}.{digits}f}" if np.isfinite(value) else "-"
