"""Run a sweep: papermill executes a notebook for each point, a child of the sweep's run.

`lib.config.search` says how the points follow from the sweep's file.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from lib import REPO, RUNS
from lib.config.plain_yaml import read_named_values
from lib.config.search import sweep_points
from lib.runtime.parallel import each
from lib.runtime.progress import echo
from lib.tracking import artifacts, heartbeat, links, provenance, session, store
from lib.tracking.notebook import running_notebook
from lib.tracking.provenance import (
    PARENT_RUN_VARIABLE,
    RUN_NAME_VARIABLE,
    SWEEP_POINT_VARIABLE,
    process_tags,
)
from lib.tracking.titles import run_note, run_title


def run_sweep(path: Path, n_processes: int = 1, dask_address: str = "") -> pd.DataFrame:
    """Execute the points of a sweep's file that have not finished.

    An unchanged file continues its sweep; a changed file is a new sweep. A point has finished if
    the code and its corpus are still the same. A point that fails does not stop the others.

    Args:
        path: of the file (YAML), see `lib.config.search.sweep_points`.
        n_processes: points at a time.
        dask_address: of a Dask cluster that executes the points instead.

    Returns:
        A row for each point: point, run, status, its parameters, its best scores.
    """
    sweep = read_named_values(path)
    points, notebook, fixed = sweep_points(sweep), sweep["notebook"], sweep.get("fixed", {})
    parent = _parent_run(path, sweep)
    heartbeat.begin(parent)
    # Points that failed or were killed are executed again.
    ended = {
        key: child
        for key, child in _children(notebook, parent).items()
        if child.info.status == "FINISHED"
    }
    code = provenance.code_sha256(notebook)
    finished = {key for key, child in ended.items() if _is_current(child, code)}
    calls = [
        (notebook, point, fixed, parent, i)
        for i, point in enumerate(points)
        if _key(point) not in finished
    ]
    n_finished = len(points) - len(calls)
    echo(f"sweep {path.stem} ({parent}): {len(points)} points, {n_finished} of them done")
    if n_changed := len(ended) - len(finished):
        echo(f"{n_changed} points are executed again: the code or the corpus has changed since")
    errors = {}
    description = f"sweep {path.stem}"
    # In the order of their completion, so that each is reported as soon as it ends.
    for i, error in each(
        _execute_point, calls, description, n_processes, dask_address, ordered=False
    ):
        errors[i] = error
        echo(f"point {i} {'failed' if error else 'is done'}: {_searched(points[i], fixed)}")
    # A point whose process was killed is RUNNING in the store until now.
    session.close_dead_runs()

    # From the store, since earlier calls executed some of the points.
    children = _children(notebook, parent)
    rows = [_row(i, point, fixed, children.get(_key(point))) for i, point in enumerate(points)]
    table = pd.DataFrame(rows)
    for row in table[table.status != "FINISHED"].itertuples():
        error = errors.get(row.point, "")
        echo(f"point {row.point} is {row.status}: {points[row.point]}\n{error}")
    artifacts.keep_text(parent, "tables/points.csv", table.to_csv(index=False))
    n_failed = int((table.status != "FINISHED").sum())
    store.client().log_metric(parent, "n_failed", n_failed)
    heartbeat.end(parent)
    store.client().set_terminated(parent, "FAILED" if n_failed else "FINISHED")
    return table


def _execute_point(
    notebook: str, point: dict[str, Any], fixed: dict[str, Any], parent: str, number: int
) -> tuple[int, str]:
    """Execute one point by papermill; its number, and the end of its output if it failed."""
    folder = RUNS / "sweeps" / parent
    # Papermill does not create the folder of its output.
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "papermill"]
    command += [f"notebooks/{notebook}.ipynb", str(folder / f"{number:03d}.ipynb")]
    for name, value in point.items():
        # Text is enough: the notebook's parameter model reads it as YAML.
        command += ["-p", name, json.dumps(value) if isinstance(value, list) else str(value)]
    environment = os.environ | {
        PARENT_RUN_VARIABLE: parent,
        SWEEP_POINT_VARIABLE: _key(point),
        # No defaults: what the sweep varies is named even where it equals its default.
        RUN_NAME_VARIABLE: run_title(_searched(point, fixed), {}),
        # Absolute, since a relative path would count from papermill's folder, which is REPO.
        "RETIMBRE_RUNS": str(RUNS),
    }
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True)
    # A traceback ends with the error itself.
    return number, "" if done.returncode == 0 else "\n".join(done.stderr.strip().splitlines()[-3:])


def _parent_run(path: Path, sweep: dict[str, Any]) -> str:
    """The id of the sweep's own run, which is created if it is missing. It is RUNNING."""
    key, notebook = _key(sweep), sweep["notebook"]
    experiment = store.experiment(notebook)
    if runs := store.newest_first(notebook, f"tags.sweep = '{key}'"):
        parent = runs[0].info.run_id
        store.client().update_run(parent, status="RUNNING")
        # `close_dead_runs` would close it by the tags of the process that has ended.
        for tag, value in process_tags().items():
            store.client().set_tag(parent, tag, value)
        return parent
    title = f"sweep {path.stem}"
    tags = process_tags() | {"sweep": key, "params_files": str(path)}
    tags["mlflow.note.content"] = run_note(notebook, title, running_notebook())
    parent = store.client().create_run(experiment, run_name=title, tags=tags).info.run_id
    links.say(parent, "Points", links.charts(experiment, f"tags.mlflow.parentRunId = '{parent}'"))
    artifacts.keep_text(parent, "sweep.yaml", path.read_text())
    return parent


def _children(notebook: str, parent: str) -> dict[str, Any]:
    """The newest child of the sweep for each point, by the point's key."""
    runs = store.newest_first(notebook, f"tags.mlflow.parentRunId = '{parent}'")
    # Oldest first, so that the newest of a point stays in the dict.
    return {run.data.tags["sweep_point"]: run for run in reversed(runs)}


def _is_current(child: Any, code: str) -> bool:
    """Whether a run had this code, and its corpus still has the same pairs."""
    tags, corpus = child.data.tags, child.data.params.get("corpus")
    manifest = RUNS / "pairs" / (corpus or "") / "manifest.csv"
    if tags.get("code_sha256") != code:
        return False
    if "manifest_sha256" not in tags or not manifest.exists():
        return True
    return tags["manifest_sha256"] == hashlib.sha256(manifest.read_bytes()).hexdigest()


def _searched(point: dict[str, Any], fixed: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a point that the sweep varies."""
    return {name: value for name, value in point.items() if name not in fixed}


def _row(number: int, point: dict[str, Any], fixed: dict[str, Any], child) -> dict[str, Any]:
    """One row of the table: the point, and what its run came to. Metrics are the best epoch's."""
    row = {"point": number, "run": "", "status": "no run"} | _searched(point, fixed)
    if child is None:
        return row
    best = {name: value for name, value in child.data.metrics.items() if name.startswith("best/")}
    return row | {"run": child.info.run_id, "status": child.info.status} | best


def _key(values: dict[str, Any]) -> str:
    """A hash of the values, short enough for a tag."""
    # The order of the names in the file does not matter.
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
