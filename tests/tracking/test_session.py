"""How runs end under papermill: finished, failed, interrupted, killed; and how they are resumed."""

import json
import os
import pty
import signal
import termios
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from recorded_notebooks import WAIT, artifact, first_cells, only_run, papermill, wait_for

from lib import RUNS
from lib.config.base import ParameterError
from lib.config.check import Check
from lib.config.train import Train
from lib.tracking import heartbeat, session, store


def cells(name, *more):
    return [*first_cells(name, Check), *more, "run.finish()"]


def test_a_notebook_is_one_finished_run_with_all_that_it_made(tmp_path):
    work = [
        "from lib.runtime.progress import echo, progress",
        "for _ in progress(range(3), 'outer'):",
        "    for _ in progress(range(2), 'inner'):",
        "        pass",
        "echo('half-way')",
    ]
    work = "\n".join(work)
    scores = "run.metrics({'valid/lsd_db': p.max_lag_ms})\nrun.verdict([])"
    output_name = "out_{n_examples}_{pm[run_uuid]}.ipynb"
    given = ["-p", "n_examples", "4", "-y", "max_lag_ms: '1e-1'", "-p", "corpus", "0170"]
    process = papermill(tmp_path, cells("whole", work, scores), output_name, *given)
    log = process.communicate()[1]
    assert process.returncode == 0, log
    assert log.count("outer: 3/3") == 1 and "inner" not in log and log.count("half-way") == 1

    run = only_run("whole")
    assert run.info.status == "FINISHED" and run.info.end_time > run.info.start_time
    assert run.data.params["n_examples"] == "4" and set(run.data.params) == set(Check.model_fields)
    expected = Check(n_examples=4, max_lag_ms=0.1, corpus="0170").model_dump()
    assert store.parameters(run.info.run_id) == expected
    assert run.data.metrics == {"valid/lsd_db": 0.1}
    tags = run.data.tags
    assert tags["verdict"] == "passed"
    assert "cpu" in tags["device"] and "mlflow 3" in tags["versions"]
    assert tags["git_dirty"] in ("true", "false") and tags["git_commit"] and tags["host"]

    (output,) = tmp_path.glob("out_4_*.ipynb")
    assert tags["notebook"] == str(output)
    assert run.info.run_name == "corpus=0170, max_lag_ms=0.1, n_examples=4"
    command = tags["command"]
    assert command.startswith("papermill in.ipynb 'out_{n_examples}_")
    assert command.endswith("-p corpus 0170")
    note = f"`whole`: {run.info.run_name}\n\n```\n{command}\n```"
    assert tags["mlflow.note.content"] == note

    stored = nbformat.reads(artifact(run, f"notebook/{output.name}"), as_version=4)
    assert "run.finish()" in stored.cells[-1].source
    outputs = [output for cell in stored.cells if cell.source == work for output in cell.outputs]
    # a bar, a bar, a line
    assert [output.output_type for output in outputs] == ["display_data", "display_data", "stream"]
    assert "half-way" in artifact(run, f"notebook/{output.stem}.html")
    assert "pydantic==" in artifact(run, "packages.txt")
    assert Path(run.info.artifact_uri.removeprefix("file://")).is_relative_to(RUNS / "artifacts")


def test_a_training_says_at_its_start_that_no_discriminator_will_join(tmp_path):
    sources = [*first_cells("short", Train), "run.finish()"]
    process = papermill(tmp_path, sources, "out.ipynb", "-p", "epochs", "2")
    log = process.communicate()[1]
    line = "discriminators: none, since gan_start_epoch 6 is beyond epochs 2"
    # in the terminal and in the notebook
    assert process.returncode == 0 and line in log.splitlines()
    assert line in artifact(only_run("short"), "notebook/out.html")


def test_a_failing_cell_is_a_failed_run_with_its_traceback_and_exit_code_1(tmp_path):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 100))
    os.set_blocking(ours, False)
    work = [
        "from lib.runtime.progress import progress",
        "for _ in progress(range(3), 'letters'): pass",
        "missing_name",
    ]
    process = papermill(tmp_path, cells("failing", "\n".join(work)), stderr=theirs)
    screen = b""
    while process.poll() is None:
        time.sleep(0.1)
        try:
            screen += os.read(ours, 1 << 20)
        except BlockingIOError:
            pass
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 1
    assert "letters: 100%" in screen.decode(errors="replace")  # a bar, since there is a terminal

    run = only_run("failing")
    assert run.info.status == "FAILED"
    assert run.data.tags["error"] == "NameError: name 'missing_name' is not defined"
    assert "NameError" in artifact(run, "traceback.txt")
    assert "missing_name" in artifact(run, "notebook/out.ipynb")
    assert "missing_name" in artifact(run, "notebook/out.html")


def test_refused_parameters_are_a_failed_run_that_names_the_nearest(tmp_path):
    process = papermill(tmp_path, cells("refused"), "out.ipynb", "-p", "max_lag", "2")
    log = process.communicate()[1]
    line = "max_lag: no such parameter of check, did you mean max_lag_ms?"
    assert process.returncode == 1 and f"ParameterError: {line}" in log
    run = only_run("refused")
    assert run.info.status == "FAILED" and run.data.tags["error"] == f"ParameterError: {line}"
    kept = f"MLflow keeps it as FAILED run {run.info.run_name} ({run.info.run_id})"
    assert f"refused: refused before any work; {kept}" in log
    assert line in artifact(run, "traceback.txt")
    assert "max_lag = 2" in artifact(run, "notebook/out.ipynb")


def test_ctrl_c_is_a_killed_run(tmp_path):
    process = papermill(tmp_path, cells("interrupted", WAIT))
    wait_for((tmp_path / "waiting").exists)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate()
    assert process.returncode == 1
    wait_for(lambda: only_run("interrupted").info.status == "KILLED", 10)
    assert only_run("interrupted").data.tags["error"].startswith("KeyboardInterrupt")


def test_a_killed_process_leaves_a_running_run_that_the_next_start_closes(tmp_path):
    process = papermill(tmp_path, cells("shot", WAIT))
    wait_for((tmp_path / "waiting").exists)
    for victim in [*psutil.Process(process.pid).children(recursive=True), process]:
        victim.kill()
    process.communicate()
    assert only_run("shot").info.status == "RUNNING"
    session.start("after", Check)
    run = only_run("shot")
    assert run.info.status == "KILLED" and "was killed" in run.data.tags["error"]
    assert only_run("after").info.status == "RUNNING"  # its process lives


def test_leaving_by_sys_exit_is_no_finished_run(tmp_path):
    papermill(tmp_path, cells("left", "import sys; sys.exit(0)")).communicate()
    run = only_run("left")
    assert run.info.status == "FAILED" and run.data.tags["error"] == "SystemExit: 0"


def test_a_resumed_run_goes_on_in_its_own_record_and_logs_no_step_twice():
    first, _ = session.start("resumed", Train, {"lr": 2e-3, "epochs": 3})
    for step in (1, 2, 3):
        first.metrics({"train/l1": step, "valid/lsd_db": float("nan")}, step)
    with pytest.raises(ParameterError, match=r"^lr = 0\.1: .* 0\.002"):
        session.start("resumed", Train, {"resume": first.id, "lr": 0.1})
    # the latest run is not the refused one
    again, p = session.start("resumed", Train, {"resume": "latest", "epochs": 5})
    assert (again.id, again.resumed, again.last_step) == (first.id, True, 3)
    assert (p.lr, p.epochs, store.parameters(first.id)["epochs"]) == (2e-3, 5, 5)
    for step in (2, 3, 4):
        again.metrics({"train/l1": 10 * step}, step)
    again.finish()

    history = store.client().get_metric_history(first.id, "train/l1")
    assert [(point.step, point.value) for point in history] == [(1, 1), (2, 2), (3, 3), (4, 40)]
    run = store.client().get_run(first.id)
    assert run.info.status == "FINISHED" and run.data.metrics["nonfinite"] == 3
    assert run.data.params["epochs"] == "3" and run.data.tags["resumed_epochs"] == "5"


def left_running(name, **tags):
    """A run that a process of another machine, or of a former container, left RUNNING."""
    run, _ = session.start(name, Train, {"epochs": 3})
    run.finish()
    run.reopen()
    heartbeat.end(run.id)
    run.tags({"host": "former", "pid": "7"} | tags)
    return run.id


def test_a_run_that_was_left_under_another_host_name_is_resumed(capsys):
    hour_ago = str(time.time() - 3600)
    run_id = left_running("moved", heartbeat=hour_ago)
    again, _ = session.start("moved", Train, {"resume": "latest"})
    assert again.id == run_id and again.resumed
    seen = "process 7 on former, whose last sign of life is 60 min old, was killed"
    assert f"it had ended: {seen}" in capsys.readouterr().out
    again.finish()


def test_a_run_that_still_gives_signs_of_life_elsewhere_is_not_resumed():
    run_id = left_running("living", heartbeat=str(time.time() - 60))
    message = "still runs: process 7 on former, whose last sign of life is 1 min old"
    for which in ("latest", run_id):
        with pytest.raises(ParameterError, match=message):
            session.start("living", Train, {"resume": which})


def test_a_run_of_before_signs_of_life_is_resumed_by_its_name_alone():
    run_id = left_running("before")
    store.client().delete_tag(run_id, heartbeat.TAG)
    message = f"still runs: process 7 on former; if it does not, name it: resume = {run_id}"
    with pytest.raises(ParameterError, match=message):
        session.start("before", Train, {"resume": "latest"})
    again, _ = session.start("before", Train, {"resume": run_id})
    assert again.id == run_id
    again.finish()


def test_a_run_with_old_names_of_parameters_is_resumed():
    first, p = session.start("old", Train, {"lambda_pesq": 12.0, "epochs": 3})
    old = p.model_dump()
    old["lambda_disturbance"] = old.pop("lambda_pesq")
    old["warm_up_steps"] = old.pop("warmup_steps")
    first.text("parameters.json", json.dumps(old))
    first.finish()
    again, p = session.start("old", Train, {"resume": first.id, "epochs": 4, "lambda_pesq": 12.0})
    again.finish()
    assert (again.id, p.lambda_pesq, p.warmup_steps, p.epochs) == (first.id, 12.0, 100, 4)
    with pytest.raises(
        ParameterError, match=r"^lambda_pesq = 3\.0: the resumed run keeps .* 12\.0"
    ):
        session.start("old", Train, {"resume": first.id, "lambda_pesq": 3.0})


def test_what_cannot_be_resumed_is_named():
    for which, reason in [("latest", "no run of never"), ("0123", "no such run")]:
        with pytest.raises(ParameterError, match=f"resume = '{which}': .*{reason}"):
            session.start("never", Train, {"resume": which})


def test_a_resumed_run_keeps_the_note_that_its_user_wrote():
    first, _ = session.start("noted", Train, {"epochs": 3})
    assert "`noted`: epochs=3" in store.tags(first.id)["mlflow.note.content"]
    first.tags({"mlflow.note.content": "mine", "mlflow.runName": "my name"})
    first.finish()
    again, _ = session.start("noted", Train, {"resume": "latest"})
    again.finish()
    assert (store.tags(first.id)["mlflow.note.content"], again.name) == ("mine", "my name")
