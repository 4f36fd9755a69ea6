"""Where MLflow keeps the runs, and how to find one: `latest`, `best`, or an id.

By default that is SQLite in `runs/mlflow.db`, with the artifacts in `runs/artifacts`.
`MLFLOW_TRACKING_URI` overrides it. All calls go through a client with explicit run ids: MLflow's
"active run" would be closed as FINISHED by MLflow's exit hook, also after an error.

A folder `runs` that was moved or copied keeps its runs: their artifacts are those beside it.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from lib import RUNS
from lib.config.models import MODELS
from lib.config.renamed import current_names
from lib.tracking import aliases, server, sqlite

MAX_RUNS = 1000  # that one search returns
# What `best` is chosen by: the judges' metric; runs of before have one of the losses' relatives.
BEST_BY = ("best/selection", "best/gap_closed")


class NoRunError(LookupError):
    """A run or an artifact is missing; the message says what was looked for, and where."""


def uri() -> str:
    """The address of the store, as MLflow writes it."""
    return os.environ.get("MLFLOW_TRACKING_URI") or sqlite.address_of(RUNS / "mlflow.db")


def client():
    """The `mlflow.MlflowClient` of `uri()`. The tables of the store exist and are up to date."""
    return open_store(uri())


@cache
def open_store(address: str):
    """The `mlflow.MlflowClient` of the store at `address`, whose tables are created if missing.

    Raises:
        PermissionError: the folder of runs cannot be written; the message says what to do.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
    # A bar for each file that is copied would stand between ours.
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    for name in ("mlflow", "alembic"):  # they log every table that they create
        logging.getLogger(name).setLevel(logging.WARNING)
    path = sqlite.path_of(address)
    with _lock():
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        server.tell_when_waiting(address)
        opened = mlflow.MlflowClient(sqlite.patient(address))
        opened.search_experiments(max_results=1)  # creates the tables
        if path:
            sqlite.follow_move(path)
    return opened


def experiment(name: str) -> str:
    """The id of the experiment `name`.

    A new store gets the experiments of all notebooks at once and in one order, so that a notebook's
    experiment has the same id in every store.
    """
    opened = client()
    with _lock():
        if opened.get_experiment_by_name(name) is None:
            for notebook in dict.fromkeys([*MODELS, name]):
                if opened.get_experiment_by_name(notebook) is None:
                    opened.create_experiment(notebook, artifact_location=_artifacts())
        stored = opened.get_experiment_by_name(name)
        if stored.lifecycle_stage == "deleted":
            opened.restore_experiment(stored.experiment_id)
    return stored.experiment_id


def find(which: str, experiment: str = "train") -> str:
    """The id of a run.

    Args:
        which: an id; `latest`, the newest FINISHED run; or `best`, the FINISHED run with the
            highest `best/selection` among those that were judged on the same items as the newest:
            the same pairs (tag `manifest_sha256`), and as many of them (`n_valid_scored`). A point
            of a sweep is the newest only if all are such. Runs of versions that had no
            `best/selection` cannot be compared with those; the highest `best/gap_closed` counts
            only if all are such, and a message tells.
        experiment: the notebook that recorded it.

    Raises:
        NoRunError: there is none.
    """
    if which not in ("latest", "best"):
        return by_id(which, experiment).info.run_id
    run_id, remarks = None, []
    try:
        run_id = _latest_or_best(which, experiment, remarks)
    finally:
        if (which, experiment) == ("best", aliases.EXPERIMENT):
            aliases.follow(client(), which, run_id)
    for remark in remarks:
        print(remark, file=sys.stderr)  # standard output may carry audio
    return run_id


def follow_best() -> None:
    """Let the alias `best` of the registered model name what `find` names now."""
    run_id = None
    with suppress(NoRunError):
        run_id = _latest_or_best("best", aliases.EXPERIMENT, [])
    aliases.follow(client(), "best", run_id)


def _latest_or_best(which: str, experiment: str, remarks: list[str]) -> str:
    """See `find`; `remarks` gets what a user should know about the choice."""
    finished = [
        run
        for run in newest_first(experiment, "attributes.status = 'FINISHED'")
        if "sweep" not in run.data.tags  # a sweep's own run has no model
    ]
    if not finished:
        raise NoRunError(
            f"{which}: no FINISHED run of {experiment} in {uri()}:"
            f" run notebooks/{experiment}.ipynb first"
        )
    if which == "latest":
        return finished[0].info.run_id
    whole = [run for run in finished if "mlflow.parentRunId" not in run.data.tags]
    newest = _judged_on((whole or finished)[0])
    comparable = [run for run in finished if _judged_on(run) == newest]
    if len(comparable) < len(finished):
        n_others = len(finished) - len(comparable)
        remarks.append(
            f"best: {len(comparable)} runs are comparable; {n_others} were judged on others"
            f" than {newest[1] or 'all'} items of these pairs"
        )
    for criterion in BEST_BY:
        scores = {
            run.info.run_id: run.data.metrics[criterion]
            for run in comparable
            if criterion in run.data.metrics
        }
        if scores:
            best = max(scores, key=scores.get)
            if criterion != BEST_BY[0]:
                remarks.append(
                    f"best: no run has {BEST_BY[0]}; by {criterion}, as in old runs: {best}"
                )
            return best
    raise NoRunError(
        f"best: none of {len(comparable)} FINISHED runs of {experiment} on these pairs"
        f" has {' or '.join(BEST_BY)}"
    )


def _judged_on(run) -> tuple[str | None, str | None]:
    """The pairs of a run, and how many of them chose its best epoch: few items favour luck."""
    return run.data.tags.get("manifest_sha256"), run.data.params.get("n_valid_scored")


def by_id(run_id: str, experiment: str):
    """The MLflow run with this id.

    Raises:
        NoRunError: there is none, it was deleted, or it belongs to another notebook.
    """
    from mlflow.exceptions import MlflowException

    try:
        run = client().get_run(run_id)
    except MlflowException:
        raise NoRunError(
            f"{run_id}: no such run in {uri()}, expected latest, best or the id of a run"
        ) from None
    notebook = client().get_experiment(run.info.experiment_id).name
    if notebook != experiment:
        raise NoRunError(f"{run_id}: a run of {notebook}, expected one of {experiment}")
    if run.info.lifecycle_stage == "deleted":
        raise NoRunError(f"{run_id}: this run was deleted")
    return run


def newest_first(experiment: str, condition: str = "") -> list:
    """The MLflow runs of an experiment, at most `MAX_RUNS`, newest first.

    Args:
        condition: that they meet, in MLflow's search language.
    """
    stored = client().get_experiment_by_name(experiment)
    if stored is None:
        return []
    return list(
        client().search_runs(
            [stored.experiment_id],
            condition,
            order_by=["attributes.start_time DESC"],
            max_results=MAX_RUNS,
        )
    )


def download(run_id: str, artifact: str) -> Path:
    """The path of one artifact, e.g. `checkpoints/best.pt`. Read it only.

    It is a copy, or the stored file itself if the store is a folder of this machine.

    Raises:
        NoRunError: the run has no such artifact.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        # by its address: the client's own download always copies, also from a local folder
        folder = client().get_run(run_id).info.artifact_uri
        return Path(mlflow.artifacts.download_artifacts(f"{folder}/{artifact}", tracking_uri=uri()))
    except (MlflowException, OSError):
        raise NoRunError(f"run {run_id} has no artifact {artifact}: did it get that far?") from None


def parameters(run_id: str) -> dict[str, Any]:
    """The parameters of a run with their types, as it was last started or resumed.

    Parameters that have been renamed since have their current names.
    """
    return current_names(json.loads(download(run_id, "parameters.json").read_text()))


def tags(run_id: str) -> dict[str, str]:
    """The tags of a run."""
    return dict(client().get_run(run_id).data.tags)


@contextmanager
def _lock() -> Iterator[None]:
    """A lock for creating tables and experiments, which MLflow cannot do in several processes."""
    lock = FileLock(RUNS / ".mlflow.lock")
    try:
        RUNS.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise PermissionError(
            f"{RUNS} cannot be written ({error.strerror}): runs are recorded there;"
            " the variable RETIMBRE_RUNS names another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _artifacts() -> str | None:
    """Where a new experiment keeps its files: beside a database. Other stores decide themselves."""
    address = uri()
    if path := sqlite.path_of(address):
        return sqlite.artifacts_beside(path)
    is_database = address.startswith(("postgresql", "mysql", "mssql"))
    return (RUNS / sqlite.ARTIFACTS).as_uri() if is_database else None
