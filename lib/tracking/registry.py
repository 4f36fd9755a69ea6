"""MLflow's registry: the model `retimbre`, a version for each generator that was logged.

`mlflow.pyfunc.load_model("models:/retimbre@best")` loads one; see `lib.tracking.aliases`.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

from lib import RUNS
from lib.tracking import aliases, store
from lib.tracking.aliases import EXPERIMENT, NAME
from lib.tracking.pairs import DIGEST_LENGTH

WEIGHTS_TAG = "restorer_sha256"  # of models and versions: which generator it is
SHIPPED = "shipped"  # name of a model that comes from no run
ABOUT = "Noisy speech in, restored speech out: DeepFilterNet3 and a restorer, one ONNX model."

# Writes MLflow's model into a folder; the second argument is the `mlflow.models.Model` to fill.
Writer = Callable[[Path, Any], None]


def log_model(
    write: Writer, weights: str, run_id: str | None = None, step: int = 0, about: str = ""
) -> Any:
    """Log and register a model, unless this run has a version with these weights.

    So a training that was killed meanwhile and goes on makes no second version.

    Args:
        write: makes the model's files.
        weights: hash of the generator's weights.
        run_id: of the training; None if there is none.
        step: epoch of the weights. The run's `valid/` and `best/` metrics of it are the model's.
        about: description of the version.

    Returns:
        MLflow's model version.
    """
    client = store.client()
    # Two points of a sweep log the weights of the repository at the same time: the second one would
    # take the model of the first one for what a killed process has left.
    with FileLock(RUNS / ".models.lock"):
        for version in aliases.versions(client, run_id):
            if version.tags.get(WEIGHTS_TAG) == weights:
                return version
        return _register(_logged(write, weights, run_id, step), weights, run_id, about)


def _logged(write: Writer, weights: str, run_id: str | None, step: int) -> Any:
    """MLflow's logged model, with its files and metrics."""
    # Imported here, since MLflow takes seconds to import.
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus
    from mlflow.models import Model

    client, experiment = store.client(), store.experiment(EXPERIMENT)
    _delete_unfinished(experiment, run_id)
    params = client.get_run(run_id).data.params if run_id else {}
    tags = {WEIGHTS_TAG: weights}
    name = NAME if run_id else SHIPPED
    model = client.create_logged_model(experiment, name, run_id, tags, params, "pyfunc")
    content = Model(model.artifact_location, run_id=run_id, model_id=model.model_id)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model")
        write(path, content)
        client.log_model_artifacts(model.model_id, str(path))
    if run_id:
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step)])
        client.log_batch(run_id, metrics=_metrics_at(run_id, step, model.model_id))
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    return model


def _delete_unfinished(experiment: str, run_id: str | None) -> None:
    """Delete what a process that was killed has left: models of this run without a version."""
    client = store.client()
    registered = {version.source for version in aliases.versions(client, run_id)}
    own = f"source_run_id = '{run_id}'" if run_id else f"name = '{SHIPPED}'"
    for model in client.search_logged_models([experiment], own):
        if model.artifact_location not in registered:
            client.delete_logged_model(model.model_id)


def _metrics_at(run_id: str, step: int, model_id: str) -> list:
    """The metrics of the run at this step, linked to the model.

    Value and time are those that the run has: MLflow recognises them, and logs nothing twice.
    """
    from mlflow.entities import Metric

    client = store.client()
    run = client.get_run(run_id)
    corpus, sha256 = run.data.tags.get("corpus"), run.data.tags.get("manifest_sha256")
    dataset = (
        {"dataset_name": corpus, "dataset_digest": sha256[:DIGEST_LENGTH]}
        if corpus and sha256
        else {}
    )
    return [
        Metric(key, value.value, value.timestamp, step, model_id, run_id=run_id, **dataset)
        for key in run.data.metrics
        if key.startswith(("valid/", "best/"))
        for value in client.get_metric_history(run_id, key)
        if value.step == step
    ]


def _register(model: Any, weights: str, run_id: str | None, about: str) -> Any:
    from mlflow.exceptions import MlflowException

    client = store.client()
    try:
        client.create_registered_model(NAME, description=ABOUT)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # A database would look up `models:/...`, or a model of no run, in the store of MLflow's global
    # settings; a server insists on the model.
    is_named = run_id or store.uri().startswith("http")
    version = client.create_model_version(
        NAME,
        model.artifact_location,
        run_id,
        tags={WEIGHTS_TAG: weights},
        description=about,
        model_id=model.model_id if is_named else None,
    )
    linked = json.dumps([{"name": NAME, "version": version.version}])
    # MLflow's pages link a model to its versions by this tag.
    client.set_logged_model_tags(model.model_id, {"mlflow.modelVersions": linked})
    return version
