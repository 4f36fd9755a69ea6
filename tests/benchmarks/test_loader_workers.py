"""Loader workers: real steps are measured, the advice is right, and the memory is never filled."""

import numpy as np
import pandas as pd
import pytest
from signals import good_sources

from lib.benchmarks import loader_workers
from lib.config.base import build
from lib.config.prepare import Prepare
from lib.config.workers import Workers
from lib.corpus import manifest, plan, sources
from lib.corpus.render import render


def measured(**columns):
    """A table of `measure_workers` for 0, 1, 2 and 4 workers, which need 100 MB each."""
    table = pd.DataFrame({"n_workers": [0, 1, 2, 4], "step_ms": [100.0, 60.0, 50.0, 50.5]})
    table = table.assign(wait_ms=[60.0, 20.0, 2.0, 1.0], peak_mb=[500.0, 600.0, 700.0, 900.0])
    table = table.assign(repeat=0, cpu_share=0.5, iowait_share=0.0, disk_busy_share=0.0)
    table = table.assign(disk_mb_per_s=1.0, not_tried="", items_per_s=8_000 / table.step_ms)
    return table.assign(**columns)


def test_the_smallest_number_within_three_percent_of_the_best_is_advised():
    summary = loader_workers.summary(measured())
    assert summary.waiting_share.tolist() == pytest.approx([0.6, 1 / 3, 0.04, 1 / 50.5])
    assert loader_workers.advice(summary).startswith(
        "n_workers = 2: 160.0 segments a second, 100% of the best; 4.0% of a step"
    )
    assert "The model is the limit" in loader_workers.advice(summary)


@pytest.mark.parametrize("busy, limit", [(0.95, "disk"), (0.1, "reading itself")])
def test_a_starving_model_is_told_what_the_limit_is(busy, limit):
    summary = loader_workers.summary(
        measured(wait_ms=[60.0, 40.0, 30.0, 30.0], disk_busy_share=busy)
    )
    assert f"The model starves: the {limit} is the limit." in loader_workers.advice(summary)


def test_what_was_not_tried_is_listed_with_its_reason():
    table = measured()
    table.loc[3, ["step_ms", "wait_ms", "items_per_s"]] = np.nan
    table.loc[3, "not_tried"] = "9.0 GB expected, 2.0 GB free"
    assert loader_workers.advice(loader_workers.summary(table)).endswith(
        "Not tried: 4 workers (9.0 GB expected, 2.0 GB free)."
    )


def test_nothing_is_tried_that_would_fill_the_memory(monkeypatch):
    done = measured()  # 100 MB a worker

    class Memory:
        total, available, percent = 10 * 2**30, 6 * 2**30, 40.0

    monkeypatch.setattr(loader_workers.psutil, "virtual_memory", lambda: Memory)
    assert loader_workers.reason_not_to_try(done, 16, 0.9) == ""
    assert loader_workers.reason_not_to_try(done, 100, 0.9) == "9.8 GB expected, 5.0 GB free"
    assert loader_workers.reason_not_to_try(done, 1, 0.3) == "the memory is 40 % full already"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = good_sources(tmp_path_factory.mktemp("sources"))
    p = build(Prepare, {"corpus": "workers", "p_reverb": 0, "n_processes": 1})
    folders = sources.choose(root / "speech", root / "noise", root / "rooms")
    return manifest.usable_rows(render("workers", plan.draw(p, folders), folders), "train")


def test_real_steps_are_measured_and_none_are_tried_when_the_memory_is_full(corpus, monkeypatch):
    small = {
        "corpus": "workers",
        "n_workers": [0, 1],
        "n_steps": 2,
        "n_warmup_steps": 1,
        "n_repeats": 1,
        "batch_size": 4,
    }
    p = build(Workers, small | {"segment_length": 9_600, "channels": 6, "device": "cpu"})
    table = loader_workers.measure_workers(p, corpus)
    assert table.n_workers.tolist() == [0, 1] and (table.not_tried == "").all()
    assert (table.step_ms > table.wait_ms).all() and table.cpu_share.between(0.01, 1.05).all()
    assert table.peak_mb[1] > table.peak_mb[0] > 100  # a worker has memory of its own
    monkeypatch.setattr(loader_workers, "reason_not_to_try", lambda *_: "")
    full = loader_workers.measure_workers(p.model_copy(update={"max_memory_share": 1e-6}), corpus)
    few = p.model_copy(update={"n_workers": [0], "batch_size": len(corpus) + 1})
    (steps,) = loader_workers.measure_workers(few, corpus).itertuples()  # no batch is full
    assert steps.items_per_s == pytest.approx(1000 * len(corpus) / steps.step_ms)
    assert full.not_tried.tolist() == ["", "the memory passed 0% with 0 workers"]
