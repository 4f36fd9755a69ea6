"""The pairs that a run uses, as a dataset of MLflow, and the run that prepared them."""

import json
from typing import Any

from lib.tracking import store

PREPARE = "prepare"  # the experiment whose runs make pairs
DIGEST_LENGTH = 16  # letters of a hash; a digest of MLflow has at most 36


def log_dataset(
    run_id: str,
    corpus: str,
    sha256: str,
    split: str,
    columns: dict[str, str],
    profile: dict[str, Any],
) -> None:
    """Give a run the pairs that it uses as an input; arguments as of `Run.dataset`."""
    # Imported here, since MLflow takes seconds to import.
    from mlflow.entities import Dataset, DatasetInput, InputTag

    place = json.dumps({"uri": f"pairs/{corpus}/manifest.csv"})
    typed = [{"name": name, "type": kind} for name, kind in columns.items()]
    schema = json.dumps({"mlflow_colspec": typed}) if typed else None
    about = (schema, json.dumps(profile) if profile else None)
    dataset = Dataset(corpus, sha256[:DIGEST_LENGTH], "local", place, *about)
    context = InputTag("mlflow.data.context", split)
    store.client().log_inputs(run_id, [DatasetInput(dataset, [context])])


def prepared_by(sha256: str) -> str | None:
    """The id of the newest run that prepared the pairs whose manifest has this hash, if any."""
    runs = store.newest_first(PREPARE, f"tags.manifest_sha256 = '{sha256}'")
    return runs[0].info.run_id if runs else None
