"""A grid or a random search over any notebook's parameters: papermill runs each point, and each is a child run of the sweep.

python -m lib.sweep params/sweep/gan.yaml      what is done is not done again; what fails is listed, and the rest goes on

The file names the notebook, what is the same in all points (`fixed`), and either a `grid` of lists or `random`: `n` points of
`seed`, each parameter a list to choose from, `{min, max}` or `{min, max, log: true}`.
"""

import argparse
import hashlib
import itertools
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from lib import REPO, RUNS, params, store, tracking
from lib.jobs import each
from lib.origin import NAME, PARENT, POINT, note, notebook, process, title
from lib.progress import say

KNOWN = {"notebook", "fixed", "grid", "random"}


def points(described: dict[str, Any]) -> list[dict]:
    """The parameters of each point, `fixed` ones included.

    >>> points({"notebook": "train", "fixed": {"epochs": 2}, "grid": {"seed": [0, 1]}})
    [{'epochs': 2, 'seed': 0}, {'epochs': 2, 'seed': 1}]
    >>> drawn = points({"notebook": "train", "random": {"n": 100, "seed": 0, "lr": {"min": 1e-4, "max": 1e-2, "log": True}}})
    >>> len(drawn), sum(point["lr"] < 1e-3 for point in drawn) in range(35, 65)
    (100, True)

    Raises:
        ValueError: neither or both of `grid` and `random`, an unknown word, or a range that is none.
        params.ParameterError: a point is refused by the notebook's model, by name, before any work.
    """
    if unknown := set(described) - KNOWN:
        raise ValueError(f"{', '.join(sorted(unknown))}: expected notebook, fixed, and grid or random")
    if ("grid" in described) == ("random" in described):
        raise ValueError("expected either grid or random")
    if described.get("notebook") not in store.NOTEBOOKS:
        raise ValueError(f"notebook = {described.get('notebook')!r}: expected one of {', '.join(store.NOTEBOOKS)}")
    fixed, model = described.get("fixed", {}), getattr(params, described["notebook"].capitalize())
    searched = _grid(described["grid"]) if "grid" in described else _random(described["random"])
    found = [fixed | point for point in searched]
    for point in found:
        params.build(model, point)
    return found


def run(path: Path, n_processes: int = 1, dask_address: str = "") -> pd.DataFrame:
    """Execute the points of a file that are not done, and return all, a row each: point, run, status, parameters, best scores.

    The same file goes on with its own sweep; another content is another sweep.
    """
    described = yaml.safe_load(path.read_text())
    todo, name = points(described), described["notebook"]
    parent = _parent(path, described)
    done = {child.data.tags["sweep_point"] for child in _children(name, parent) if child.info.status == "FINISHED"}
    fixed = described.get("fixed", {})
    waiting = [(name, point, fixed, parent, i) for i, point in enumerate(todo) if _key(point) not in done]
    say(f"sweep {path.stem} ({parent}): {len(todo)} points, {len(todo) - len(waiting)} of them done")
    said = {}
    for i, error in each(_point, waiting, f"sweep {path.stem}", n_processes, dask_address, ordered=False):
        said[i] = error
        say(f"point {i} {'failed' if error else 'is done'}: {_searched(todo[i], fixed)}")
    tracking.close_dead_runs()
    children = {child.data.tags["sweep_point"]: child for child in _children(name, parent)}  # the newest of each
    table = pd.DataFrame([
        {"point": i, "run": "", "status": "no run", **_searched(point, fixed), **_result(children.get(_key(point)))}
        for i, point in enumerate(todo)
    ])  # fmt: skip
    for row in table[table.status != "FINISHED"].itertuples():
        say(f"point {row.point} is {row.status}: {todo[row.point]}\n{said.get(row.point, '')}")
    store.client().log_text(parent, table.to_csv(index=False), "tables/points.csv")
    failed = int((table.status != "FINISHED").sum())
    store.client().log_metric(parent, "n_failed", failed)
    store.client().set_terminated(parent, "FAILED" if failed else "FINISHED")
    return table


def _point(name: str, point: dict, fixed: dict, parent: str, number: int) -> tuple[int, str]:
    """One point by papermill; its number, and what it said last if it failed."""
    folder = RUNS / "sweeps" / parent
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "papermill", f"notebooks/{name}.ipynb", str(folder / f"{number:03d}.ipynb")]
    for key, value in point.items():
        command += ["-p", key, json.dumps(value) if isinstance(value, list) else str(value)]
    environment = os.environ | {PARENT: parent, POINT: _key(point), "RETIMBRE_RUNS": str(RUNS)}
    environment[NAME] = title(_searched(point, fixed), {})
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True)
    return number, "" if done.returncode == 0 else "\n".join(done.stderr.strip().splitlines()[-3:])


def _parent(path: Path, described: dict) -> str:
    """The run of this sweep, made if it is not there, and RUNNING."""
    key = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]
    experiment = store.experiment(described["notebook"])
    if found := store.newest_first(described["notebook"], f"tags.sweep = '{key}'"):
        parent = found[0].info.run_id
        store.client().update_run(parent, status="RUNNING")
        for tag, value in process().items():
            store.client().set_tag(parent, tag, value)
        return parent
    name = f"sweep {path.stem}"
    tags = process() | {"sweep": key, "params_files": str(path)}
    tags["mlflow.note.content"] = note(described["notebook"], name, notebook())
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


def _grid(lists: dict[str, list]) -> list[dict]:
    if wrong := [name for name, values in lists.items() if not isinstance(values, list) or not values]:
        raise ValueError(f"grid: {wrong[0]} = {lists[wrong[0]]!r}, expected a list")
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def _random(described: dict) -> list[dict]:
    ranges = {name: value for name, value in described.items() if name not in ("n", "seed")}
    rng = np.random.default_rng(described.get("seed", 0))
    return [{name: _drawn(name, value, rng) for name, value in ranges.items()} for _ in range(described["n"])]


def _drawn(name: str, value: Any, rng: np.random.Generator) -> Any:
    if isinstance(value, list) and value:
        return value[int(rng.integers(len(value)))]
    try:
        low, high = value["min"], value["max"]
        if value.get("log"):
            return float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.3g}")
        whole = isinstance(low, int) and isinstance(high, int)
        return int(rng.integers(low, high + 1)) if whole else float(f"{rng.uniform(low, high):.3g}")
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"random: {name} = {value!r}, expected a list, or min and max") from None


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m lib.sweep", description=__doc__.partition("\n\n")[0])
    parser.add_argument("file", type=Path, help="what is searched, e.g. params/sweep/gan.yaml")
    parser.add_argument("--n-processes", type=int, default=1, help="points at a time (default: %(default)s)")
    parser.add_argument("--dask-address", default="", help="of a Dask cluster that gets the points instead")
    typed = parser.parse_args()
    try:
        table = run(typed.file, typed.n_processes, typed.dask_address)
    except (OSError, ValueError) as error:  # params.ParameterError is one
        sys.exit(f"{typed.file}: {error}")
    failed = (table.status != "FINISHED").sum()
    print(table.to_string(index=False))
    sys.exit(f"{failed} of {len(table)} points failed; the same command does these again" if failed else 0)


if __name__ == "__main__":
    main()
