"""What a run tells MLflow of its pairs."""

import json

from mlflow.types import DataType, Schema

from lib.config.check import Check
from lib.tracking import pairs, session, store


def test_the_pairs_of_a_run_are_a_dataset_by_which_the_runs_table_filters():
    run, _ = session.start("pairs", Check)
    run.dataset("mine", 64 * "a", "test", {"snr_db": "double"}, {"num_rows": 2})
    run.finish()
    found = store.client().search_runs([store.experiment("pairs")], "dataset.name = 'mine'")
    assert [one.info.run_id for one in found] == [run.id]
    used = found[0].inputs.dataset_inputs[0]
    assert used.dataset.digest == 16 * "a" and used.tags[0].value == "test"
    # What MLflow itself reads out of it.
    schema = Schema.from_json(json.dumps(json.loads(used.dataset.schema)["mlflow_colspec"]))
    assert schema.input_names() == ["snr_db"] and schema.input_types() == [DataType.double]
    assert json.loads(used.dataset.profile) == {"num_rows": 2}
    tags = store.tags(run.id)
    assert (tags["corpus"], tags["manifest_sha256"]) == ("mine", 64 * "a")


def test_the_newest_run_that_prepared_the_pairs_is_found():
    ids = []
    for _ in range(2):
        run, _ = session.start(pairs.PREPARE, Check, {})
        run.tags({"manifest_sha256": "of these pairs"})
        run.finish()
        ids.append(run.id)
    assert pairs.prepared_by("of these pairs") == ids[1]
    assert pairs.prepared_by("of others") is None
