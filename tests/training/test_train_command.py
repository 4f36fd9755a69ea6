"""The command `python -m lib.train` as a process: signals that end it, and torchrun."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
from training.trainings import (
    RESUMED,
    SMALL,
    assert_same_networks,
    command,
    environment,
    run_command,
    saved_learner,
)

from lib import REPO, RUNS
from lib.tracking import store
from lib.training.checkpoints import read_checkpoint


def written_since(began: float, step: int) -> list[Path]:
    """The last checkpoints that were written after `began` and have reached `step`."""
    paths = [path for path in RUNS.glob("checkpoints/*/last.pt") if path.stat().st_mtime > began]
    return [path for path in paths if read_checkpoint(path)["state"]["step"] >= step]


def test_a_process_that_signals_end_goes_on_bit_for_bit_in_its_own_run(whole):
    """Ctrl-C, then kill -9, each once a checkpoint has reached a step; then to the end.

    In between the run is resumed.
    """
    given = [word for name, value in (SMALL | RESUMED).items() for word in ("-p", name, str(value))]
    statuses = []
    for number, step in ((signal.SIGINT, 2), (signal.SIGKILL, 8)):
        began = time.time()
        process = subprocess.Popen(
            command(*given),
            cwd=REPO,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A shell's background job ignores Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        while not (written := written_since(began, step)) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        output = process.communicate()[0].decode()
        assert written, output[-3000:]
        run_id = written[0].parent.name
        given = ["-p", "resume", run_id]
        statuses.append(store.client().get_run(run_id).info.status)
    done = run_command(command(*given))
    assert done.returncode == 0, done.stderr[-3000:]
    assert statuses[0] == "KILLED"
    assert_same_networks(saved_learner(whole[0]), saved_learner(RUNS / "checkpoints" / run_id))
    assert store.client().get_run(run_id).info.status == "FINISHED"
    history = store.client().get_metric_history(run_id, "valid/lsd_db")
    assert [value.step for value in history] == [0, 1, 2, 3]


def test_the_command_under_torchrun_leaves_one_finished_run(rows, tmp_path):
    given = SMALL | {"hidden": 32, "batch_size": 2, "n_samples_logged": 0, "gan_start_epoch": 2}
    (tmp_path / "small.yaml").write_text(json.dumps(given))
    launcher = command("--nproc-per-node", "2", "--standalone", module="torch.distributed.run")
    words = ["-m", "lib.train", "-f", str(tmp_path / "small.yaml"), "-p", "epochs", "1"]
    done = run_command([*launcher, *words])
    assert done.returncode == 0, done.stderr[-3000:]
    run = store.newest_first("train")[0]
    assert run.info.status == "FINISHED" and run.data.params["epochs"] == "1"
    history = pd.read_csv(store.download(run.info.run_id, "tables/history.csv"))
    assert history.epoch.tolist() == [0, 1]
    assert done.stdout.count(", selection ") == 1  # one of two reports
