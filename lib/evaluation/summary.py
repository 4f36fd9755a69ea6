"""Statistics of a score table: means and differences of systems, classes, the worst and best items.

A score table has a row for each item and system: the columns `item_id system snr_db speaker noise`
and one for each metric of `lib.metrics.registry`.
"""

import itertools

import numpy as np
import pandas as pd

from lib.metrics import labels, registry, stats

SYSTEMS = ("noisy", "enhanced", "restored", "clean")  # the order of tables, players and keys
N_CLASSES = 5  # of a column with many numbers
NO_SPEECH = "noise alone"  # class of an SNR of -inf
NO_VALUE = "none"  # class of items without a value, as the SNR of pairs without noise
HARM = ("colour_db", "pause_level_db", *registry.LSD_BANDS)
# The parts of a table, in their order: who decides, what must not suffer, and all other scores.
GROUPS = {
    "Jury": registry.JURY,
    "Colour, pauses, bands": HARM,
    "Reported; they decide nothing": tuple(
        name for name in registry.ALL if name not in (*registry.JURY, *HARM)
    ),
}
# The same parts in a word, in the order of `GROUPS`: tables have it beside the name of a score.
PART = {
    name: part
    for part, names in zip(("jury", "harm", "reported"), GROUPS.values(), strict=True)
    for name in names
}
# Columns of a summary beside the means of the systems.
STATISTICS = "difference low high p_value better worse gap_closed spread n_items".split()
HEAD = ["difference", "interval", "p", "made better", "worse", "gap closed", "items"]


def summary(scores: pd.DataFrame, seed: int, n_bootstrap: int = 2000) -> pd.DataFrame:
    """A row for each metric, over the items for which both restored and enhanced have that score.

    Args:
        scores: a score table.
        seed: of the bootstrap.
        n_bootstrap: resamples behind each interval.

    Returns: an index of metrics in the order of `GROUPS`, and the columns

        - the mean of each system;
        - difference: the mean of restored - enhanced; low, high: its 95 % bootstrap interval over
          items;
        - p_value: Wilcoxon's signed-rank test, corrected after Holm for the number of metrics;
        - better, worse: the shares of items that restoring made better and worse;
        - gap_closed: a ratio of means (NaN where clean has no finite score, or none that is better
          than that of enhanced);
        - spread: the standard deviation of enhanced over items, in which different scores can be
          compared (NaN where it is 0);
        - n_items.

    Raises:
        ValueError: an item and system have two rows.
    """
    table = _compare_systems(scores, seed, n_bootstrap)
    return table.assign(p_value=stats.holm(table["p_value"]))


def summary_by(
    scores: pd.DataFrame, column: str, seed: int, n_bootstrap: int = 2000
) -> pd.DataFrame:
    """A `summary` for each class of a column; p values are corrected for all rows together.

    Args:
        column: `snr_db`, `speaker` or `noise`; many different numbers make five classes.

    Returns: the columns `column`, part, metric, and those of `summary`.
    """
    groups, names = value_classes(scores[column])
    tables = {
        name: _compare_systems(scores[groups == i], seed, n_bootstrap)
        for i, name in enumerate(names)
    }
    table = pd.concat(tables, names=[column, "metric"]).reset_index()
    table.insert(1, "part", table["metric"].map(PART))
    return table.assign(p_value=stats.holm(table["p_value"]))


def extremes(scores: pd.DataFrame, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The `n` items that restoring made worst and best, the most extreme first.

    Only the jury's scores count. The gain of a score is restored - enhanced, with the sign with
    which more is better; `gain` is the mean over the scores that an item has, each in standard
    deviations of enhanced over items.

    Returns: two tables with the columns item_id, gain, and the gain of each score.
    """
    gains, spreads = {}, {}
    for name in [name for name in registry.JURY if name in scores]:
        pairs = paired(scores, name)
        gains[name] = registry.SIGN[name] * (pairs.restored - pairs.enhanced)
        # Scores have different units. What a gain is measured in must not depend on the gains.
        spreads[name] = spread(pairs)
    gains = pd.DataFrame(gains).rename_axis("item_id").dropna(how="all")
    gains.insert(0, "gain", (gains / pd.Series(spreads)).mean(axis=1).fillna(0.0))
    # Stable: items with equal gains keep their order.
    ordered = gains.sort_values("gain", kind="stable").reset_index()
    return ordered.head(n), ordered.iloc[::-1].head(n).reset_index(drop=True)


def paired(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One score of each system, a row for each item that restored and enhanced have it for.

    Raises `ValueError` if an item and system have two rows.
    """
    wide = scores.pivot(index="item_id", columns="system", values=metric)
    wide = wide.reindex(columns=list(SYSTEMS)).astype(float)
    return wide[np.isfinite(wide["restored"]) & np.isfinite(wide["enhanced"])]


def spread(pairs: pd.DataFrame) -> float:
    """Standard deviation of enhanced over the items of `paired`; NaN where all are equal."""
    return pairs.enhanced.std() or np.nan


def missing_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores that could not be computed: columns item_id, system, metric."""
    metrics = [name for name in registry.ALL if name in scores]
    long = scores.melt(["item_id", "system"], metrics, "metric")
    return long.loc[long.value.isna(), ["item_id", "system", "metric"]].reset_index(drop=True)


def value_classes(column: pd.Series, max_values: int = 10) -> tuple[pd.Series, list[str]]:
    """The class of each value (0, 1, ...), and the names of the classes.

    Each value is a class of its own; more than `max_values` different numbers are five ranges.
    Items without a value are the last class; an SNR of -inf, noise without speech, is the first.

    >>> classes, names = value_classes(pd.Series([5.0, -5.0, 5.0]))
    >>> classes.tolist(), names
    ([1, 0, 1], ['-5', '5'])
    >>> value_classes(pd.Series([np.nan, 5.0, -np.inf]))[1]
    ['noise alone', '5', 'none']
    """
    if column.isna().any():
        classes, names = value_classes(column.dropna(), max_values)
        classes = classes.reindex(column.index, fill_value=len(names)).astype(int)
        return classes, [*names, NO_VALUE]
    if (is_noise := column == -np.inf).any():
        classes, names = value_classes(column[~is_noise], max_values)
        return (classes + 1).reindex(column.index, fill_value=0), [NO_SPEECH, *names]
    if not pd.api.types.is_numeric_dtype(column) or column.nunique() <= max_values:
        values = sorted(column.unique())
        classes = column.map({value: i for i, value in enumerate(values)})
        return classes, [f"{v:g}" if isinstance(v, float) else str(v) for v in values]
    edges = np.linspace(column.min(), column.max(), N_CLASSES + 1)
    numbers = np.clip(np.digitize(column, edges) - 1, 0, N_CLASSES - 1)
    names = [f"{low:.0f} to {high:.0f}" for low, high in itertools.pairwise(edges)]
    return pd.Series(numbers, index=column.index), names


def as_restored(scores: pd.DataFrame, system: str) -> pd.DataFrame:
    """The scores with `system` in the place of restored, without the other runs' systems.

    >>> table = pd.DataFrame({"system": ["enhanced", "restored", "run B"], "pesq": [2.0, 2.5, 3.0]})
    >>> as_restored(table, "run B").to_dict("list")
    {'system': ['enhanced', 'restored'], 'pesq': [2.0, 3.0]}
    """
    # Systems that are no signal of the chain are other runs.
    others = set(scores.system) - {*SYSTEMS, system} | ({"restored"} - {system})
    return scores[~scores.system.isin(others)].replace({"system": {system: "restored"}})


def sections(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The parts of a `summary` by the titles of `GROUPS`; parts without rows are left out."""
    parts = {title: table[table.index.isin(names)] for title, names in GROUPS.items()}
    return {title: part for title, part in parts.items() if len(part)}


def by_part(table: pd.DataFrame) -> pd.DataFrame:
    """A table with a row for each metric, in the order of the parts, which its index tells, too.

    >>> by_part(pd.DataFrame({"A": [2.0, 3.2]}, index=["pesq", "distillmos"])).index.tolist()
    [('jury', 'distillmos'), ('reported', 'pesq')]
    """
    table = table.loc[[name for name in PART if name in table.index]]
    parts = [table.index.map(PART), table.index]
    return table.set_index(pd.MultiIndex.from_arrays(parts, names=["part", "metric"]))


def as_text(table: pd.DataFrame) -> str:
    """A `summary` for the terminal; arrows show the better direction."""
    head, *lines = cells(table)
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    text = {
        metric: _text_line(line, widths) for metric, line in zip(table.index, lines, strict=True)
    }
    blocks = [f"{headline(table)}\n\n{_text_line(head, widths)}"]
    for title, part in sections(table).items():
        blocks.append("\n".join([title, *(text[metric] for metric in part.index)]))
    return "\n\n".join(blocks)


def headline(table: pd.DataFrame) -> str:
    """The number of items of a `summary`, and what its difference is."""
    # A score that no item has, as that of a band above all recordings, says nothing about items.
    counts = sorted(set(table["n_items"]) - {0}) or [0] * min(len(table), 1)
    shown = counts if len(counts) < 2 else [counts[0], counts[-1]]
    n_items = " to ".join(str(count) for count in shown) or "no"
    return (
        f"{n_items} items; difference: restored - enhanced, paired, "
        "with its 95 % bootstrap interval"
    )


def cells(table: pd.DataFrame) -> list[list[str]]:
    """The lines of a `summary` as text, the head first."""
    lines = [["", *SYSTEMS, *HEAD]]
    for metric, row in table.iterrows():
        arrow = "↑" if registry.SIGN[metric] > 0 else "↓"
        means = [labels.number(row[system], metric) for system in SYSTEMS]
        difference, low, high = (
            labels.number(row[name], metric, "+") for name in ("difference", "low", "high")
        )
        shares = [_percent(row[name]) for name in ("better", "worse", "gap_closed")]
        test = [difference, f"[{low}, {high}]", _p_value(row["p_value"])]
        n_items = f"{row['n_items']:.0f}"
        lines.append([f"{arrow} {labels.label(metric)}", *means, *test, *shares, n_items])
    return lines


def _compare_systems(scores: pd.DataFrame, seed: int, n_bootstrap: int) -> pd.DataFrame:
    """A `summary` whose p values are not corrected."""
    rows = {}
    for metric in [name for name in PART if name in scores]:
        # The same items for each system, so that means and differences agree.
        wide = paired(scores, metric)
        sign, difference = registry.SIGN[metric], wide["restored"] - wide["enhanced"]
        low, high = stats.bootstrap_interval(difference, seed, n_bootstrap)
        # A share of a gap is meaningless where clean is not better than enhanced.
        gap_closed = np.nan
        if sign * (wide["clean"].mean() - wide["enhanced"].mean()) > 0:
            gap_closed = stats.gap_closed(wide["restored"], wide["enhanced"], wide["clean"])
        rows[metric] = {
            **wide.mean(),
            "difference": difference.mean(),
            "low": low,
            "high": high,
            "p_value": stats.signed_rank(difference),
            "better": (sign * difference > 0).mean(),
            "worse": (sign * difference < 0).mean(),
            "gap_closed": gap_closed,
            "spread": spread(wide),
            "n_items": len(wide),
        }
    columns = [*SYSTEMS, *STATISTICS]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("metric")


def _text_line(cells: list[str], widths: list[int]) -> str:
    name, *values = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join([name.strip().ljust(widths[0]), *values]).rstrip()


def _percent(share: float) -> str:
    return f"{round(100 * share)} %" if np.isfinite(share) else "-"  # no minus before 0


def _p_value(value: float) -> str:
    if not np.isfinite(value):
        return "-"
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")
