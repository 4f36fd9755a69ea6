"""Training runs beside each other: which parameters differ, their curves, and paired tests of scores on the same items."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lib.metrics import registry, stats
from lib.metrics.labels import number
from lib.runtime.progress import echo
from lib.tracking import provenance, store

MAX_RUNS = 7  # that a figure can tell apart
MAX_PARAMETERS_IN_LABEL = 3  # differing parameters that a label has room for
MAX_LABEL_LENGTH = 60  # letters
CHILDREN = "tags.mlflow.parentRunId = '{}'"


def differing(parameters: dict[str, dict]) -> pd.DataFrame:
    """The parameters that are not the same in all runs, a row each, a column for each run; but not `resume`, which is no setting.

    Args:
        parameters: name of a run -> its parameters.

    >>> differing({"a": {"epochs": 8, "seed": 0}, "b": {"epochs": 9, "seed": 0}}).to_dict("index")
    {'epochs': {'a': 8, 'b': 9}}
    """
    table = pd.DataFrame(
        {name: pd.Series(values, dtype=object) for name, values in parameters.items()}
    )
    unlike = table.astype(str).nunique(axis=1) > 1
    return table[unlike].drop(index="resume", errors="ignore").rename_axis("parameter")


def run_table(runs: Sequence, called: Sequence[str]) -> pd.DataFrame:
    """Which runs these are: label, name, id, start, commit, and the best epoch with its gap closed; a row each."""
    rows = [
        {
            "run": label,
            "name": run.info.run_name,
            "id": run.info.run_id,
            "started": f"{pd.Timestamp(run.info.start_time, unit='ms', tz='UTC'):%Y-%m-%d %H:%M} UTC",
            "commit": run.data.tags.get("git_commit", "")[:7],
            "best_epoch": run.data.metrics.get("best/epoch"),
            "best_gap_closed": run.data.metrics.get("best/gap_closed"),
        }
        for run, label in zip(runs, called, strict=True)
    ]
    return pd.DataFrame(rows).set_index("run").astype({"best_epoch": "Int64"})


def labels(names: Sequence[str], parameters: Sequence[dict]) -> list[str]:
    """What to call runs in tables and figures: a letter, and the parameters that differ, or the run's name if these are many.

    >>> labels(["bold-fox", "defaults"], [{"lr": 0.01, "seed": 0}, {"lr": 0.1, "seed": 0}])
    ['A: lr=0.01', 'B: lr=0.1']
    """
    unlike = list(differing({str(i): values for i, values in enumerate(parameters)}).index)
    told = list(names)
    if 1 <= len(unlike) <= MAX_PARAMETERS_IN_LABEL:
        told = [
            provenance.run_title({key: values.get(key) for key in unlike}, {})
            for values in parameters
        ]
    cut = [
        text if len(text) <= MAX_LABEL_LENGTH else f"{text[: MAX_LABEL_LENGTH - 3]}..."
        for text in told
    ]
    return [f"{letter}: {text}" for letter, text in zip("ABCDEFG", cut, strict=False)]


def paired(
    scores: pd.DataFrame, first: str, seed: int = 0, n_bootstrap: int = 2000
) -> pd.DataFrame:
    """Each system against `first` on the same items.

    Args:
        scores: a row for each item and system: item_id, system, and the metrics.

    Returns: columns metric, system, mean, first (its mean), difference (system - first), low, high (95 % bootstrap), p_value
        (Wilcoxon's signed-rank test, corrected after Holm for all rows), better (the share of items), n_items.

    Raises:
        KeyError: `first` has no scores.
    """
    rows = []
    for metric in [name for name in registry.NAMES if name in scores]:
        table = scores.pivot(index="item_id", columns="system", values=metric)
        for system in [name for name in scores["system"].unique() if name != first]:
            pair = table[[system, first]].replace([np.inf, -np.inf], np.nan).dropna()
            difference = (pair[system] - pair[first]).to_numpy()
            low, high = stats.bootstrap_interval(difference, seed, n_bootstrap)
            rows.append({
                "metric": metric, "system": system, "mean": pair[system].mean(), "first": pair[first].mean(),
                "difference": difference.mean() if len(pair) else np.nan, "low": low, "high": high,
                "p_value": stats.signed_rank(difference), "better": (registry.SIGN[metric] * difference > 0).mean(),
                "n_items": len(pair),
            })  # fmt: skip
    found = pd.DataFrame(rows)
    return found.assign(p_value=stats.holm(found["p_value"]))


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """What `paired` found, to read: a row for each system, a column for each metric, as `difference [low, high]`.

    `*` marks a difference whose corrected p is below 0.05.
    """
    texts = []
    for row in table.itertuples():
        difference, low, high = (
            number(value, row.metric, "+") for value in (row.difference, row.low, row.high)
        )
        texts.append(f"{difference} [{low}, {high}]{' *' if row.p_value < 0.05 else ''}")
    wide = table.assign(text=texts).pivot(index="system", columns="metric", values="text")
    return wide.loc[table["system"].unique(), table["metric"].unique()].rename_axis(columns=None)


def histories(runs: Sequence, called: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """What runs recorded over their epochs: a row for each epoch, a column `metric/label` for each metric and run.

    Args:
        runs: MLflow runs.
        called: their labels.
        names: of metrics, e.g. `valid/lsd_db`.
    """
    columns = {}
    for run, label in zip(runs, called, strict=True):
        for name in names:
            values = store.client().get_metric_history(run.info.run_id, name)
            columns[f"{name}/{label}"] = pd.Series(
                {value.step: value.value for value in values}, dtype=float
            )
    return pd.DataFrame(columns).rename_axis("epoch").reset_index()


def choose_runs(ids: Sequence[str], condition: str) -> list:
    """The training runs with these ids, or the newest FINISHED ones that meet a condition in MLflow's language, oldest first.

    Raises:
        ValueError: fewer than 2 or more than 7 of them, one twice, a sweep (which has no weights), or a condition that MLflow
            cannot read.
        NoRunError: an id is none.
    """
    from mlflow.exceptions import MlflowException

    if ids:
        found = [store.by_id(store.find(one), "train") for one in ids]
        if sweeps := [run.info.run_id for run in found if "sweep" in run.data.tags]:
            raise ValueError(
                f'runs: {sweeps[0]} is a sweep; its runs are -p condition "{CHILDREN.format(sweeps[0])}"'
            )
    else:
        also = f" and {condition}" if condition else ""
        try:
            finished = store.newest_first("train", f"attributes.status = 'FINISHED'{also}")
        except MlflowException as error:
            raise ValueError(f"condition = {condition!r}: {error.message}") from None
        found = [run for run in finished if "sweep" not in run.data.tags]
        if len(found) > MAX_RUNS:
            echo(f"{len(found)} runs meet the condition: the newest {MAX_RUNS} are compared")
        found = found[:MAX_RUNS][::-1]
    given = f"runs = {list(ids)}" if ids else f"condition = {condition!r}"
    if not 2 <= len(found) <= MAX_RUNS:
        raise ValueError(f"{given}: found {len(found)} of train, expected 2 to {MAX_RUNS}")
    if len({run.info.run_id for run in found}) < len(found):
        raise ValueError(f"{given}: expected each run once")
    return found
