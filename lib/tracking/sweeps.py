"""A grid or a random search over any notebook's parameters: papermill runs each point, and each is a child run of the sweep.

python -m lib.sweep params/sweep/gan.yaml      what is done is not done again; what fails is listed, and the rest goes on

The file names the notebook, what is the same in all points (`fixed`), and either a `grid` of lists or `random`: `n` points of
`seed`, each parameter a list to choose from, `{min, max}` or `{min, max, log: true}`.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

from lib import REPO, RUNS
from lib.config.search import sweep_points
from lib.runtime.parallel import each
from lib.runtime.progress import echo
from lib.tracking import session, store
from lib.tracking.provenance import (
    PARENT_RUN_VARIABLE,
    RUN_NAME_VARIABLE,
    SWEEP_POINT_VARIABLE,
    notebook,
    process_tags,
    run_note,
    run_title,
)


def run_sweep(path: Path, n_processes: int = 1, dask_address: str = "") -> pd.DataFrame:
    """Execute the points of a file that are not done, and return all, a row each: point, run, status, parameters, best scores.

    The same file goes on with its own sweep; another content is another sweep.
    """
    described = yaml.safe_load(path.read_text())
    todo, name = sweep_points(described), described["notebook"]
    parent = _parent(path, described)
    done = {
        child.data.tags["sweep_point"]
        for child in _children(name, parent)
        if child.info.status == "FINISHED"
    }
    fixed = described.get("fixed", {})
    waiting = [
        (name, point, fixed, parent, i) for i, point in enumerate(todo) if _key(point) not in done
    ]
    echo(
        f"sweep {path.stem} ({parent}): {len(todo)} points, {len(todo) - len(waiting)} of them done"
    )
    said = {}
    for i, error in each(
        _point, waiting, f"sweep {path.stem}", n_processes, dask_address, ordered=False
    ):
        said[i] = error
        echo(f"point {i} {'failed' if error else 'is done'}: {_searched(todo[i], fixed)}")
    session.close_dead_runs()
    children = {
        child.data.tags["sweep_point"]: child for child in _children(name, parent)
    }  # the newest of each
    table = pd.DataFrame([
        {"point": i, "run": "", "status": "no run", **_searched(point, fixed), **_result(children.get(_key(point)))}
        for i, point in enumerate(todo)
    ])  # fmt: skip
    for row in table[table.status != "FINISHED"].itertuples():
        echo(f"point {row.point} is {row.status}: {todo[row.point]}\n{said.get(row.point, '')}")
    store.client().log_text(parent, table.to_csv(index=False), "tables/points.csv")
    failed = int((table.status != "FINISHED").sum())
    store.client().log_metric(parent, "n_failed", failed)
    store.client().set_terminated(parent, "FAILED" if failed else "FINISHED")
    return table


def _point(name: str, point: dict, fixed: dict, parent: str, number: int) -> tuple[int, str]:
    """One point by papermill; its number, and what it said last if it failed."""
    folder = RUNS / "sweeps" / parent
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "papermill",
        f"notebooks/{name}.ipynb",
        str(folder / f"{number:03d}.ipynb"),
    ]
    for key, value in point.items():
        command += ["-p", key, json.dumps(value) if isinstance(value, list) else str(value)]
    environment = os.environ | {
        PARENT_RUN_VARIABLE: parent,
        SWEEP_POINT_VARIABLE: _key(point),
        "RETIMBRE_RUNS": str(RUNS),
    }
    environment[RUN_NAME_VARIABLE] = run_title(_searched(point, fixed), {})
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True)
    return number, "" if done.returncode == 0 else "\n".join(done.stderr.strip().splitlines()[-3:])


def _parent(path: Path, described: dict) -> str:
    """The run of this sweep, made if it is not there, and RUNNING."""
    key = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]
    experiment = store.experiment(described["notebook"])
    if found := store.newest_first(described["notebook"], f"tags.sweep = '{key}'"):
        parent = found[0].info.run_id
        store.client().update_run(parent, status="RUNNING")
        for tag, value in process_tags().items():
            store.client().set_tag(parent, tag, value)
        return parent
    name = f"sweep {path.stem}"
    tags = process_tags() | {"sweep": key, "params_files": str(path)}
    tags["mlflow.note.content"] = run_note(described["notebook"], name, notebook())
    parent = store.client().create_run(experiment, run_name=name, tags=tags).info.run_id
    store.client().log_text(parent, path.read_text(), "sweep.yaml")
    return parent


def _children(name: str, parent: str) -> list:
    """The sweep's children, oldest first, so that the newest of a point comes last."""
    return store.newest_first(name, f"tags.mlflow.parentRunId = '{parent}'")[::-1]


def _searched(point: dict, fixed: dict) -> dict:
    return {key: value for key, value in point.items() if key not in fixed}


def _result(child) -> dict:
    """What a point's run came to, if there is one; of its metrics those of the best epoch."""
    if child is None:
        return {}
    best = {name: value for name, value in child.data.metrics.items() if name.startswith("best/")}
    return {"run": child.info.run_id, "status": child.info.status} | best


def _key(point: dict) -> str:
    return hashlib.sha256(json.dumps(point, sort_keys=True).encode()).hexdigest()[:16]
