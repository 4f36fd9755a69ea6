"""Several processes: two with half a batch each do what one does with the whole; one records; an error in one ends both."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from signals import good_sources

from lib import REPO, RUNS
from lib.config.base import build
from lib.config.prepare import Prepare
from lib.config.train import Train
from lib.corpus import manifest, plan, sources
from lib.corpus.render import render
from lib.data.sampling import EpochSampler
from lib.tracking import session, store
from lib.training import checkpoints
from lib.training.launch import launch
from lib.training.setup import training_data
from lib.training.spikes import read_spikes

SMALL = {
    "corpus": "several", "channels": 6, "hidden": 32, "segment_length": 9_600, "n_samples_logged": 0, "device": "cpu",
    "n_valid_scored": 2, "epochs": 2, "gan_start_epoch": 2, "grad_norm_threshold": 1e-6,
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = good_sources(tmp_path_factory.mktemp("sources"))
    p = build(
        Prepare, {"corpus": "several", "items_per_utterance": 1, "p_reverb": 0, "n_processes": 1}
    )
    folders = sources.choose(root / "speech", root / "noise", root / "rooms")
    rows = manifest.usable_rows(render("several", plan.draw(p, folders), folders), "train")
    assert len(rows) == 9
    return rows


def launched(rows, out, **given):
    run, p = session.start("train", Train, SMALL | given)
    _, about = training_data(p, manifest.read("several"))
    usable = {"train": rows, "valid": manifest.usable_rows(manifest.read("several"), "valid")}
    try:
        return launch(p, usable, out, run, about), run.id
    finally:
        run.finish()


def test_two_processes_equal_one_with_the_doubled_batch(corpus, tmp_path):
    rows = corpus.iloc[:8]  # two processes leave an odd one out
    one, _ = launched(rows, tmp_path / "one", batch_size=4)
    two, run_id = launched(rows, tmp_path / "two", batch_size=2, n_processes=2)
    for name in (name for name in one if name.startswith(("valid/", "train/"))):
        np.testing.assert_allclose(
            two[name], one[name], rtol=1e-4, atol=1e-5, err_msg=name
        )  # PESQ magnifies rounding
    scores = [name for name in one if name.startswith("valid/")]
    np.testing.assert_allclose(two[scores].iloc[0], one[scores].iloc[0], atol=1e-6)
    weights = [
        checkpoints.read_checkpoint(tmp_path / name / "last.pt")["learner"]["average"]
        for name in ("one", "two")
    ]
    for key, value in weights[0].items():
        torch.testing.assert_close(weights[1][key], value, rtol=1e-3, atol=1e-5)

    history = store.client().get_metric_history(run_id, "valid/lsd_db")
    assert [value.step for value in history] == [0, 1, 2]  # one recorder
    spikes = [read_spikes(tmp_path / name) for name in ("one", "two")]
    assert (
        spikes[1].groupby("step")["rank"].nunique().eq(2).all()
    )  # those of the other process, too
    first = [
        table.grad_norm.iloc[0] for table in spikes
    ]  # of equal weights: the gradient is that of the doubled batch
    assert first[1] == pytest.approx(first[0], rel=1e-5)
    for step in spikes[0].step.unique():
        assert set(spikes[0].id[spikes[0].step == step]) == set(
            spikes[1].id[spikes[1].step == step]
        )


def on_rank_one(rows):
    """Where the second process' first item of epoch 1 stands, of an even number of rows."""
    sampler = EpochSampler(len(rows), seed=0, rank=1, n_ranks=2)
    sampler.set_epoch(1)
    return next(iter(sampler))[1]


def test_an_error_in_one_process_ends_all_with_its_message(corpus, tmp_path):
    broken = corpus.iloc[:8].copy()
    broken.iloc[on_rank_one(broken), broken.columns.get_loc("noisy")] = "noisy/nowhere.flac"
    with pytest.raises(RuntimeError, match=r"process 1: .*noisy/nowhere.flac"):
        launched(broken, tmp_path, batch_size=4, n_processes=2)


def test_a_step_that_is_bad_in_one_process_is_skipped_in_all_and_told_by_the_first(
    corpus, tmp_path
):
    """The second process' item has a bandwidth that is no number, and so has its loss."""
    broken = corpus.iloc[:8].copy()
    broken.bandwidth_hz = broken.bandwidth_hz.astype(float)
    place = on_rank_one(broken)
    broken.iloc[place, broken.columns.get_loc("bandwidth_hz")] = np.nan
    history, _ = launched(
        broken,
        tmp_path,
        batch_size=1,
        n_processes=2,
        epochs=1,
        gan_start_epoch=9,
        grad_norm_threshold=1e9,
    )
    assert history["train/skipped_steps"].iloc[-1] == 1
    spikes = read_spikes(tmp_path)
    assert spikes["rank"].tolist() == [0, 1] and spikes.idx.iloc[1] == place


def torchrun(*words):
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--standalone",
    ]
    environment = os.environ | {"RETIMBRE_RUNS": str(RUNS), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, "-m", "lib.train", *words],
        cwd=REPO,
        capture_output=True,
        text=True,
        env=environment,
    )


def test_the_command_under_torchrun_leaves_one_finished_run(corpus, tmp_path):
    (tmp_path / "small.yaml").write_text(json.dumps(SMALL | {"batch_size": 2}))
    done = torchrun("-f", str(tmp_path / "small.yaml"), "-p", "epochs", "1")
    assert done.returncode == 0, done.stderr[-3000:]
    run = store.newest_first("train")[0]
    assert run.info.status == "FINISHED" and run.data.params["epochs"] == "1"
    history = pd.read_csv(store.download(run.info.run_id, "tables/history.csv"))
    assert history.epoch.tolist() == [0, 1]
    assert done.stdout.count("gap closed") == 1  # one of two tells
