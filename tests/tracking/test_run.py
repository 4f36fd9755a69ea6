"""What a run records."""

import json
import math

import pytest
from recorded_notebooks import artifact

from lib.config.check import Check
from lib.tracking import session, store
from lib.tracking.run import Refused, Run


def test_files_and_pages_are_artifacts(tmp_path):
    run, _ = session.start("things", Check)
    run.html("listening", "<p>hear</p>")
    assert store.download(run.id, "listening.html").read_text() == "<p>hear</p>"
    (tmp_path / "last.pt").write_bytes(b"weights")
    run.file(tmp_path / "last.pt", "checkpoints")
    assert store.download(run.id, "checkpoints/last.pt").read_bytes() == b"weights"
    recorded = store.client().get_run(run.id)
    assert json.loads(artifact(recorded, "parameters.json"))["corpus"] == "demo"
    run.finish()


def test_a_verdict_with_problems_ends_the_notebook_and_names_each():
    run, _ = session.start("judged", Check)
    run.verdict([])
    assert store.tags(run.id)["verdict"] == "passed"
    with pytest.raises(Refused, match="a: late; b: early"):
        run.verdict(["a: late", "b: early"])
    recorded = store.client().get_run(run.id)
    assert recorded.data.tags["verdict"] == "refused" and recorded.data.tags["n_problems"] == "2"
    assert artifact(recorded, "verdict.txt") == "verdict: refused\na: late\nb: early\n"
    run.finish()


def test_a_run_names_the_run_that_it_builds_on():
    first, _ = session.start("builds", Check)
    first.finish()
    second, _ = session.start("builds", Check, {"n_examples": 4})
    assert second.source_run == ""
    second.source(first.id)
    assert second.source_run == first.id
    assert store.tags(second.id)["source_run_name"] == "defaults"
    second.finish()


def test_numbers_that_are_not_finite_are_counted_instead_of_logged():
    run, _ = session.start("numbers", Check)
    run.metrics({"a": 1, "b": math.nan, "c": math.inf})
    run.metrics({"a": 2, "b": math.nan}, step=1)
    run.finish()
    assert store.client().get_run(run.id).data.metrics == {"a": 2, "nonfinite": 3}


def test_a_run_that_failed_can_be_opened_again():
    run, _ = session.start("reopened", Check)
    run.fail(ValueError("no such thing"))
    recorded = store.client().get_run(run.id)
    assert recorded.info.status == run.outcome == "FAILED" and not run.is_open
    assert recorded.data.tags["error"] == "ValueError: no such thing"
    run.reopen()
    assert store.client().get_run(run.id).info.status == "RUNNING" and run.is_open
    run.fail(KeyboardInterrupt())
    assert store.client().get_run(run.id).info.status == "KILLED"


def test_the_last_step_of_a_run_is_that_of_its_training():
    run, _ = session.start("steps", Check)
    assert run.last_step == -1
    run.metrics({"train/l1": 1.0}, step=7)
    run.metrics({"valid/lsd_db": 1.0}, step=9)
    assert Run(run.id).last_step == 7
    run.finish()
