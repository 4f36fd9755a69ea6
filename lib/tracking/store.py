"""Where MLflow keeps the runs, and how one is found again: `latest`, `best`, an id.

By default that is SQLite in `runs/mlflow.db`, with the artifacts in `runs/artifacts/`; `MLFLOW_TRACKING_URI` overrides.
Everything goes through a client with explicit run ids: MLflow's "active run" would be closed as FINISHED by its exit
hook, also after an error.
"""

import json
import logging
import os
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from lib import RUNS
from lib.config.models import MODELS


class NoRunError(LookupError):
    """There is no such run, or no such artifact; the message says what was looked for, and where."""


def uri() -> str:
    """Where runs are kept, as MLflow names it."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{RUNS / 'mlflow.db'}"


def client():
    """The `mlflow.MlflowClient` of `uri()`, whose tables are there and up to date."""
    return _client(uri())


@cache
def _client(store: str):
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
    import mlflow

    for name in ("mlflow", "alembic"):  # they tell of every table that they make
        logging.getLogger(name).setLevel(logging.WARNING)
    with _lock():
        made = mlflow.MlflowClient(store)
        made.search_experiments(max_results=1)
    return made


def experiment(name: str) -> str:
    """The id of the experiment `name`, which is made if it is not there; a new store gets those of all notebooks."""
    opened = client()
    with _lock():
        if opened.get_experiment_by_name(name) is None:
            for missing in dict.fromkeys(
                [*MODELS, name]
            ):  # in this order, so that links to them hold everywhere
                if opened.get_experiment_by_name(missing) is None:
                    opened.create_experiment(missing, artifact_location=_artifacts())
        found = opened.get_experiment_by_name(name)
        if found.lifecycle_stage == "deleted":
            opened.restore_experiment(found.experiment_id)
    return found.experiment_id


def find(which: str, experiment: str = "train") -> str:
    """The id of a run.

    Args:
        which: an id; `latest`, the newest FINISHED run; or `best`, the FINISHED run with the highest `best/gap_closed`
            among those made from the same pairs (tag `manifest_sha256`) as the newest.
        experiment: the notebook that made it.

    Raises:
        NoRunError: there is none.
    """
    if which not in ("latest", "best"):
        return by_id(which, experiment).info.run_id
    finished = [
        run
        for run in newest_first(experiment, "attributes.status = 'FINISHED'")
        if "sweep" not in run.data.tags
    ]
    if not finished:
        raise NoRunError(
            f"{which}: no FINISHED run of {experiment} in {uri()}: run notebooks/{experiment}.ipynb first"
        )
    if which == "latest":
        return finished[0].info.run_id
    pairs = finished[0].data.tags.get("manifest_sha256")
    alike = [run for run in finished if run.data.tags.get("manifest_sha256") == pairs]
    scores = {
        run.info.run_id: run.data.metrics["best/gap_closed"]
        for run in alike
        if "best/gap_closed" in run.data.metrics
    }
    if not scores:
        raise NoRunError(
            f"best: none of {len(alike)} FINISHED runs of {experiment} on these pairs has best/gap_closed"
        )
    return max(scores, key=scores.get)


def by_id(run_id: str, experiment: str):
    """The MLflow run with this id. Raises `NoRunError` if there is none, or another notebook made it."""
    from mlflow.exceptions import MlflowException

    try:
        run = client().get_run(run_id)
    except MlflowException:
        raise NoRunError(
            f"{run_id}: no such run in {uri()}, expected latest, best or the id of a run"
        ) from None
    made_by = client().get_experiment(run.info.experiment_id).name
    if made_by != experiment:
        raise NoRunError(f"{run_id}: a run of {made_by}, expected one of {experiment}")
    if run.info.lifecycle_stage == "deleted":
        raise NoRunError(f"{run_id}: this run was deleted")
    return run


def newest_first(experiment: str, condition: str = "") -> list:
    """The MLflow runs of an experiment, at most 1000, that meet a condition in MLflow's own language."""
    found = client().get_experiment_by_name(experiment)
    if found is None:
        return []
    return list(
        client().search_runs(
            [found.experiment_id],
            condition,
            order_by=["attributes.start_time DESC"],
            max_results=1000,
        )
    )


def download(run_id: str, artifact: str) -> Path:
    """One artifact, e.g. `checkpoints/best.pt`, as a file to read: a copy, or itself if the store is a folder here.

    Raises:
        NoRunError: the run has no such artifact.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        folder = (
            client().get_run(run_id).info.artifact_uri
        )  # the client's own way always makes a copy
        return Path(mlflow.artifacts.download_artifacts(f"{folder}/{artifact}", tracking_uri=uri()))
    except (MlflowException, OSError):
        raise NoRunError(f"run {run_id} has no artifact {artifact}: did it get that far?") from None


def parameters(run_id: str) -> dict[str, Any]:
    """The parameters of a run, as it last had them, with their types."""
    return json.loads(download(run_id, "parameters.json").read_text())


def tags(run_id: str) -> dict[str, str]:
    """The tags of a run."""
    return dict(client().get_run(run_id).data.tags)


def _lock() -> FileLock:
    """For making tables and experiments: of four processes that began on an empty store, three died."""
    RUNS.mkdir(parents=True, exist_ok=True)
    return FileLock(RUNS / ".mlflow.lock")


def _artifacts() -> str | None:
    """Where a new experiment keeps its files: beside the database; a server has its own place."""
    store = uri()
    if store.startswith(("http:", "https:")):
        return None
    folder = (
        Path(store.removeprefix("sqlite:///")).resolve().parent
        if store.startswith("sqlite:///")
        else RUNS
    )
    return (folder / "artifacts").as_uri()
