"""Comparison of training runs: differing parameters, curves, paired tests on the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lib.evaluation import summary, vetoes
from lib.metrics import registry, stats
from lib.metrics.labels import number
from lib.runtime.progress import echo
from lib.tracking import store, titles

if TYPE_CHECKING:  # `store` sets up MLflow before it is imported
    from mlflow.entities import Run

MAX_RUNS = 7  # that a figure can tell apart
MAX_PARAMETERS_IN_LABEL = 3
MAX_LABEL_LENGTH = 60  # characters
CHILDREN = "tags.mlflow.parentRunId = '{}'"  # condition for the runs of a sweep


def choose_runs(ids: Sequence[str], condition: str) -> list[Run]:
    """The training runs with these ids; without ids the newest FINISHED ones that meet a condition.

    Args:
        ids: run ids, `latest` or `best`.
        condition: in MLflow's search language; empty for any run.

    Returns: 2 to 7 runs, in the order of `ids`; without ids the oldest first.

    Raises:
        ValueError: fewer or more runs, a run twice, a sweep (which has no weights), or a condition
            that MLflow cannot read.
        NoRunError: there is no run with such an id.
    """
    runs = _runs_by_id(ids) if ids else _runs_by_condition(condition)
    given = f"runs = {list(ids)}" if ids else f"condition = {condition!r}"
    if not 2 <= len(runs) <= MAX_RUNS:
        raise ValueError(f"{given}: found {len(runs)} of train, expected 2 to {MAX_RUNS}")
    if len({run.info.run_id for run in runs}) < len(runs):
        raise ValueError(f"{given}: expected each run once")
    return runs


def _runs_by_id(ids: Sequence[str]) -> list[Run]:
    runs = [store.by_id(store.find(which), "train") for which in ids]
    if sweeps := [run.info.run_id for run in runs if "sweep" in run.data.tags]:
        condition = CHILDREN.format(sweeps[0])
        raise ValueError(f'runs: {sweeps[0]} is a sweep; its runs are -p condition "{condition}"')
    return runs


def _runs_by_condition(condition: str) -> list[Run]:
    from mlflow.exceptions import MlflowException

    finished = "attributes.status = 'FINISHED'"
    try:
        runs = store.newest_first("train", f"{finished} and {condition}" if condition else finished)
    except MlflowException as error:
        raise ValueError(f"condition = {condition!r}: {error.message}") from None
    # A sweep is a run without weights, which holds others.
    runs = [run for run in runs if "sweep" not in run.data.tags]
    if len(runs) > MAX_RUNS:
        echo(f"{len(runs)} runs meet the condition: the newest {MAX_RUNS} are compared")
    # The store gives the newest first; figures and tables have the oldest first.
    return runs[:MAX_RUNS][::-1]


def differing(parameters: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """The parameters that differ between runs: a row each, a column for each run.

    `resume` is left out: it says how a run went, not what it is.

    Args:
        parameters: name of a run -> its parameters.

    >>> differing({"a": {"epochs": 8, "seed": 0}, "b": {"epochs": 9, "seed": 0}}).to_dict("index")
    {'epochs': {'a': 8, 'b': 9}}
    """
    columns = {name: pd.Series(values, dtype=object) for name, values in parameters.items()}
    table = pd.DataFrame(columns)
    # As text: lists cannot be compared cell by cell, and a missing parameter differs, too.
    differs = table.astype(str).nunique(axis=1) > 1
    return table[differs].drop(index="resume", errors="ignore").rename_axis("parameter")


def labels(names: Sequence[str], parameters: Sequence[Mapping[str, Any]]) -> list[str]:
    """Labels for tables and figures: a letter, and the parameters that differ.

    Where more than three parameters differ, a label has the run's name instead.

    >>> labels(["bold-fox", "defaults"], [{"lr": 0.01, "seed": 0}, {"lr": 0.1, "seed": 0}])
    ['A: lr=0.01', 'B: lr=0.1']
    """
    differs = list(differing({str(i): values for i, values in enumerate(parameters)}).index)
    texts = list(names)
    if 1 <= len(differs) <= MAX_PARAMETERS_IN_LABEL:
        texts = [
            titles.run_title({name: values.get(name) for name in differs}, {})
            for values in parameters
        ]
    short = [
        text if len(text) <= MAX_LABEL_LENGTH else f"{text[: MAX_LABEL_LENGTH - 3]}..."
        for text in texts
    ]
    return [f"{letter}: {text}" for letter, text in zip(ascii_uppercase, short, strict=False)]


def run_table(runs: Sequence[Run], run_labels: Sequence[str]) -> pd.DataFrame:
    """A row for each run, by its label.

    Columns: name, id, started, commit, best_epoch, best_selection, best_gap_closed (by which older
    runs were chosen; only where one of them is compared), vetoes (by the newest listening run).
    """
    rows = []
    for run, label in zip(runs, run_labels, strict=True):
        started = pd.Timestamp(run.info.start_time, unit="ms", tz="UTC")
        rows.append(
            {
                "run": label,
                "name": run.info.run_name,
                "id": run.info.run_id,
                "started": f"{started:%Y-%m-%d %H:%M} UTC",
                "commit": run.data.tags.get("git_commit", "")[:7],
                "best_epoch": run.data.metrics.get("best/epoch"),
                "best_selection": run.data.metrics.get("best/selection"),
                "best_gap_closed": run.data.metrics.get("best/gap_closed"),
                "vetoes": vetoes.shown(run.data.tags),
            }
        )
    table = pd.DataFrame(rows).set_index("run").astype({"best_epoch": "Int64"})
    return table if table.best_gap_closed.notna().any() else table.drop(columns="best_gap_closed")


def histories(
    runs: Sequence[Run], run_labels: Sequence[str], metrics: Sequence[str]
) -> pd.DataFrame:
    """The metrics of runs over their epochs: a row for each epoch, columns epoch and metric/label.

    Args:
        metrics: as in MLflow, e.g. `valid/lsd_db`.
    """
    columns = {}
    for run, label in zip(runs, run_labels, strict=True):
        for metric in metrics:
            history = store.client().get_metric_history(run.info.run_id, metric)
            values = {entry.step: entry.value for entry in history}
            columns[f"{metric}/{label}"] = pd.Series(values, dtype=float)
    return pd.DataFrame(columns).rename_axis("epoch").reset_index()


def paired(
    scores: pd.DataFrame, first: str, seed: int = 0, n_bootstrap: int = 2000
) -> pd.DataFrame:
    """Each system against the system `first`, on the same items.

    Args:
        scores: a row for each item and system: item_id, system, and the metrics.
        first: the system with which the others are compared.
        seed: of the bootstrap.
        n_bootstrap: resamples behind each interval.

    Returns: columns part, metric, system, mean, first (its mean), difference (system - first), low,
        high (its 95 % bootstrap interval), p_value (Wilcoxon's signed-rank test, corrected after
        Holm for all rows), better (the share of items), n_items.

    Raises:
        KeyError: `first` has no scores.
    """
    rows = []
    for metric in [name for name in summary.PART if name in scores]:
        wide = scores.pivot(index="item_id", columns="system", values=metric)
        for system in [name for name in scores["system"].unique() if name != first]:
            # Paired: only items that both systems have a finite score for.
            pairs = wide[[system, first]].replace([np.inf, -np.inf], np.nan).dropna()
            difference = (pairs[system] - pairs[first]).to_numpy()
            low, high = stats.bootstrap_interval(difference, seed, n_bootstrap)
            rows.append(
                {
                    "part": summary.PART[metric],
                    "metric": metric,
                    "system": system,
                    "mean": pairs[system].mean(),
                    "first": pairs[first].mean(),
                    "difference": difference.mean() if len(pairs) else np.nan,
                    "low": low,
                    "high": high,
                    "p_value": stats.signed_rank(difference),
                    "better": (registry.SIGN[metric] * difference > 0).mean(),
                    "n_items": len(pairs),
                }
            )
    table = pd.DataFrame(rows)
    return table.assign(p_value=stats.holm(table["p_value"]))


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `paired` to read: a row for each metric, by parts; a column for each system.

    A cell is `difference [low, high]`; `*` marks a corrected p below 0.05.
    """
    texts = []
    for row in table.itertuples():
        values = (row.difference, row.low, row.high)
        difference, low, high = (number(value, row.metric, "+") for value in values)
        texts.append(f"{difference} [{low}, {high}]{' *' if row.p_value < 0.05 else ''}")
    wide = table.assign(text=texts).pivot(index="metric", columns="system", values="text")
    return summary.by_part(wide[table["system"].unique()].rename_axis(columns=None))
