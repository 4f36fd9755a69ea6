"""A run's model in MLflow's registry: one version for the same weights, with the run's scores."""

from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event

import pytest
from tracking.test_aliases import write_nothing

from lib.config.train import Train
from lib.tracking import aliases, registry, session, store


@pytest.fixture
def run():
    """A training run of two epochs; the first one is the best."""
    run, _ = session.start("train", Train, {})
    run.dataset("mine", 64 * "a", "train")
    for epoch, distillmos in enumerate((3.0, 3.5, 3.2)):
        run.metrics({"train/l1": 0.1, "valid/distillmos": distillmos}, step=epoch)
    yield run
    run.finish()


def models_of(run_id):
    experiment = store.experiment("train")
    found = store.client().search_logged_models([experiment], "name = 'retimbre'")
    return [model for model in found if model.source_run_id == run_id]


def test_a_model_has_the_scores_of_its_epoch_and_the_run_has_them_once(run):
    version = registry.log_model(write_nothing, "abc", run.id, 1, "Best epoch.")
    assert version.description == "Best epoch."
    (model,) = models_of(run.id)
    assert str(model.status) == "READY" and model.params["epochs"] == "12"
    (score,) = store.client().get_logged_model(model.model_id).metrics
    assert (score.key, score.value, score.step) == ("valid/distillmos", 3.5, 1)
    assert (score.dataset_name, score.dataset_digest) == ("mine", 16 * "a")
    assert score.run_id == run.id
    (output,) = store.client().get_run(run.id).outputs.model_outputs
    assert (output.model_id, output.step) == (model.model_id, 1)
    history = store.client().get_metric_history(run.id, "valid/distillmos")
    assert [value.step for value in history] == [0, 1, 2]


def test_the_same_weights_make_no_second_version_and_others_do(run):
    first = registry.log_model(write_nothing, "abc", run.id)
    assert registry.log_model(write_nothing, "abc", run.id).version == first.version
    better = registry.log_model(write_nothing, "def", run.id)
    assert int(better.version) > int(first.version) and len(models_of(run.id)) == 2
    assert aliases.versions(store.client(), run.id)[0].version == better.version


def test_a_process_that_was_killed_while_it_logged_leaves_no_half_of_a_model(run):
    def killed(folder, content):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        registry.log_model(killed, "abc", run.id)
    (half,) = models_of(run.id)
    version = registry.log_model(write_nothing, "abc", run.id)
    (whole,) = models_of(run.id)
    assert whole.model_id != half.model_id and version.source == whole.artifact_location


def test_weights_without_a_run_are_registered_once():
    first = registry.log_model(write_nothing, "shipped weights")
    assert registry.log_model(write_nothing, "shipped weights").version == first.version
    aliases.point(store.client(), "shipped", first)
    assert store.client().get_model_version_by_alias("retimbre", "shipped").run_id in (None, "")


def test_two_trainings_that_log_the_weights_of_the_repository_at_once_make_one_version():
    begun, go_on = Event(), Event()

    def slow(folder, content):
        begun.set()
        assert go_on.wait(60)
        write_nothing(folder, content)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(registry.log_model, slow, "other weights")
        assert begun.wait(60)
        second = pool.submit(registry.log_model, write_nothing, "other weights")
        wait([second], timeout=1)
        go_on.set()
        assert first.result(60).version == second.result(60).version
