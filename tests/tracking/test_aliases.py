"""The alias `best` of the registered model: it names what `--run best` takes, or nothing."""

import pytest

from lib.config.train import Train
from lib.tracking import aliases, registry, session, store


def trained(score: float, weights: str = "") -> str:
    """A finished training run, with a registered model if it has weights; its id."""
    run, _ = session.start("train", Train, {})
    run.metrics({"best/selection": score})
    run.tags({"manifest_sha256": "of these tests"})
    run.finish()
    if weights:
        registry.log_model(write_nothing, weights, run.id)
    return run.id


def write_nothing(folder, content):
    folder.mkdir()
    content.save(folder / "MLmodel")


def best_version():
    """The id of the run that the alias names; None if it names nothing."""
    named = store.client().get_registered_model(aliases.NAME).aliases
    if "best" not in named:
        return None
    return store.client().get_model_version(aliases.NAME, named["best"]).run_id


def test_the_alias_best_names_what_best_names_also_after_the_best_run_was_deleted():
    ids = [trained(score, f"w{score}") for score in (0.1, 0.5, 0.3)]
    store.follow_best()
    assert best_version() == store.find("best") == ids[1]
    store.client().delete_run(ids[1])
    assert store.find("best") == ids[2] == best_version()
    newest = trained(0.9, "w0.9")
    assert best_version() == ids[2]  # nobody has asked since
    assert store.find("best") == newest == best_version()


def test_a_best_run_without_a_model_leaves_no_other_run_s_model_as_the_best():
    trained(1.0, "w1.0")
    without = trained(2.0)
    assert store.find("best") == without and best_version() is None
    registry.log_model(write_nothing, "w2.0", without)
    store.follow_best()
    assert best_version() == without


def test_other_notebooks_and_other_words_leave_the_alias_alone():
    best = trained(3.0, "w3.0")
    store.follow_best()
    with pytest.raises(store.NoRunError):
        store.find("best", "nothing")
    trained(2.5, "w2.5")
    store.find("latest")
    assert best_version() == best
