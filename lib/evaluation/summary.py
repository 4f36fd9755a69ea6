"""What scores say: of each system, by class of recording, of the best and the worst items, and of what is missing.

Scores come as a long table: a row for each item and system, the columns `item_id system snr_db speaker noise` and one
for each metric of `lib.metrics.registry`.
"""

import itertools

import numpy as np
import pandas as pd

from lib.metrics import labels, registry, stats

SYSTEMS = ("noisy", "enhanced", "restored", "clean")  # the order of tables, players and keys


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
    return table.assign(p_value=stats.holm(table["p_value"]))


def summary_by(
    scores: pd.DataFrame, column: str, seed: int, n_bootstrap: int = 2000
) -> pd.DataFrame:
    """A `summary` for each class of `column` (`snr_db`, in five classes if many; `speaker`; `noise`); p values corrected for all.

    Columns: `column`, metric, and those of `summary`.
    """
    groups, names = value_classes(scores[column])
    parts = {
        name: _compared(scores[groups == i], seed, n_bootstrap) for i, name in enumerate(names)
    }
    table = pd.concat(parts, names=[column, "metric"]).reset_index()
    return table.assign(p_value=stats.holm(table["p_value"]))


def extremes(scores: pd.DataFrame, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The `n` items that restoring made worst and best, the most extreme first: item_id, gain, and what each score gained.

    `gain` is the mean over LSD, MCD and PESQ of restored - enhanced, turned so that more is better and divided by the standard
    deviation over all items. Items that lack one of them are left out.
    """
    gains = {}
    for name in [name for name in registry.SELECTION if name in scores]:
        wide = scores.pivot(index="item_id", columns="system", values=name)
        gains[name] = registry.SIGN[name] * (wide["restored"] - wide["enhanced"])
    gains = pd.DataFrame(gains)
    gains = gains[np.isfinite(gains).all(axis=1)]
    spread = gains.std().replace(0.0, np.nan)
    gains.insert(0, "gain", (gains / spread).mean(axis=1).fillna(0.0))
    ordered = gains.sort_values("gain", kind="stable").reset_index()
    return ordered.head(n), ordered.iloc[::-1].head(n).reset_index(drop=True)


def missing_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores that could not be computed, by name: item_id, system, metric."""
    long = scores.melt(
        ["item_id", "system"], [name for name in registry.ALL if name in scores], "metric"
    )
    return long.loc[long.value.isna(), ["item_id", "system", "metric"]].reset_index(drop=True)


def value_classes(column: pd.Series, most: int = 10) -> tuple[pd.Series, list[str]]:
    """The class of each value (0, 1, ...) and the names of the classes: five ranges where there are more than `most` numbers."""
    if not pd.api.types.is_numeric_dtype(column) or column.nunique() <= most:
        names = sorted(column.unique())
        groups = column.map({name: i for i, name in enumerate(names)})
        return groups, [f"{name:g}" if isinstance(name, float) else str(name) for name in names]
    edges = np.linspace(column.min(), column.max(), 6)
    groups = pd.Series(np.clip(np.digitize(column, edges) - 1, 0, 4), index=column.index)
    return groups, [f"{low:.0f} to {high:.0f}" for low, high in itertools.pairwise(edges)]


def as_restored(scores: pd.DataFrame, system: str) -> pd.DataFrame:
    """The scores with another system in the place of `restored`: one of several runs that are judged at once."""
    others = set(scores.system) - {*SYSTEMS, system} | ({"restored"} - {system})
    return scores[~scores.system.isin(others)].replace({"system": {system: "restored"}})


def _compared(scores: pd.DataFrame, seed: int, n_bootstrap: int) -> pd.DataFrame:
    rows = {}
    for metric in [name for name in registry.ALL if name in scores]:
        table = scores.pivot(index="item_id", columns="system", values=metric).reindex(
            columns=list(SYSTEMS)
        )
        table = table[np.isfinite(table["restored"]) & np.isfinite(table["enhanced"])]
        gain = table["restored"] - table["enhanced"]
        low, high = stats.bootstrap_interval(gain, seed, n_bootstrap)
        has_gap = registry.SIGN[metric] * (table["clean"].mean() - table["enhanced"].mean()) > 0
        rows[metric] = {
            **table.mean(),
            "difference": gain.mean(),
            "low": low,
            "high": high,
            "p_value": stats.signed_rank(gain),
            "better": (registry.SIGN[metric] * gain > 0).mean(),
            "worse": (registry.SIGN[metric] * gain < 0).mean(),
            "gap_closed": stats.gap_closed(table["restored"], table["enhanced"], table["clean"])
            if has_gap
            else np.nan,
            "n_items": len(table),
        }
    columns = [
        *SYSTEMS,
        "difference",
        "low",
        "high",
        "p_value",
        "better",
        "worse",
        "gap_closed",
        "n_items",
    ]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("metric")


def as_text(table: pd.DataFrame) -> str:
    """A `summary` for the terminal; arrows show the better direction."""
    lines = cells(table)
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    text = []
    for first, *others in lines:
        padded = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        text.append("  ".join([first.ljust(widths[0]), *padded]).rstrip())
    return "\n".join([headline(table), "", *text])


def headline(table: pd.DataFrame) -> str:
    """What a `summary` is of."""
    numbers = sorted(set(table["n_items"]))
    n = (
        " to ".join(str(n) for n in (numbers if len(numbers) < 2 else [numbers[0], numbers[-1]]))
        or "no"
    )
    return f"{n} items; difference: restored - enhanced, paired, with its 95 % bootstrap interval"


def cells(table: pd.DataFrame) -> list[list[str]]:
    """The lines of a summary as text, the head first."""
    lines = [
        ["", *SYSTEMS, "difference", "interval", "p", "made better", "worse", "gap closed", "items"]
    ]
    for metric, row in table.iterrows():
        interval = (
            f"[{labels.number(row['low'], metric, '+')}, {labels.number(row['high'], metric, '+')}]"
        )
        shares = [_percent(row[name]) for name in ("better", "worse", "gap_closed")]
        arrow = "↑" if registry.SIGN[metric] > 0 else "↓"
        means = [labels.number(row[name], metric) for name in SYSTEMS]
        found = [labels.number(row["difference"], metric, "+"), interval, _p_value(row["p_value"])]
        lines.append(
            [f"{arrow} {labels.label(metric)}", *means, *found, *shares, f"{row['n_items']:.0f}"]
        )
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if np.isfinite(share) else "-"


def _p_value(value: float) -> str:
    if not np.isfinite(value):
        return "-"
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")
