"""Runs as they end: finished, failed, interrupted, killed; under papermill, in a kernel as JupyterLab drives it, in a script."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import psutil
import pytest
from jupyter_client.manager import start_new_kernel
from nbformat.v4 import new_code_cell, new_notebook

from lib import RUNS
from lib.config.base import ParameterError, plain_type
from lib.config.check import Check
from lib.config.train import Train
from lib.tracking import provenance, session, store
from lib.tracking.run import Refused

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
WAIT = "from pathlib import Path; import time; Path('waiting').touch(); time.sleep(60)"


def cells(name, model=Check):
    """The first two cells of a notebook with the parameters of `model`, recorded as `name`."""
    fields = [
        f"{field}: {plain_type(model, field).__name__} = {getattr(model(), field)!r}  # help"
        for field in model.model_fields
    ]
    start = f"from {model.__module__} import {model.__name__}\nfrom lib.tracking import session\nrun, p = session.start('{name}', {model.__name__})"
    return ["\n".join(fields), start]


def papermill(folder, sources, *words, **settings):
    """Start papermill on a notebook of these code cells, in `folder`."""
    written = [
        new_code_cell(source, metadata={"tags": ["parameters"]} if i == 0 else {})
        for i, source in enumerate(sources)
    ]
    nbformat.write(
        new_notebook(cells=written, metadata={"kernelspec": KERNEL}), folder / "in.ipynb"
    )
    command = [sys.executable, "-m", "papermill", "in.ipynb", *(words or ["out.ipynb"])]
    settings = {"stderr": subprocess.PIPE, "text": True, "preexec_fn": hear_ctrl_c} | settings
    return subprocess.Popen(command, cwd=folder, start_new_session=True, **settings)


def hear_ctrl_c():
    """A shell that starts the tests in the background has them, and all that they start, ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def only_run(name):
    (run,) = store.newest_first(name)
    return run


def artifact(run, path):
    return store.download(run.info.run_id, path).read_text()


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not in {seconds} s"
        time.sleep(0.1)


# papermill


def test_a_notebook_is_one_finished_run_with_all_that_it_made(tmp_path):
    work = (
        "from lib.runtime.progress import echo, progress\n"
        "for _ in progress(range(3), 'outer'):\n    for _ in progress(range(2), 'inner'):\n        pass\nsay('half-way')"
    )
    done = papermill(
        tmp_path,
        [
            *cells("whole"),
            work,
            "run.metrics({'valid/lsd_db': p.max_lag_ms})\nrun.verdict([])",
            "run.finish()",
        ],
        *(
            "out_{n_examples}_{pm[run_uuid]}.ipynb",
            "-p",
            "n_examples",
            "4",
            "-y",
            "max_lag_ms: '1e-1'",
            "-p",
            "corpus",
            "7",
        ),
    )
    log = done.communicate()[1]
    assert done.returncode == 0, log
    assert log.count("outer: 3/3") == 1 and "inner" not in log and log.count("half-way") == 1

    run = only_run("whole")
    assert run.info.status == "FINISHED" and run.info.end_time > run.info.start_time
    assert run.data.params["n_examples"] == "4" and set(run.data.params) == set(Check.model_fields)
    assert (
        store.parameters(run.info.run_id)
        == Check(n_examples=4, max_lag_ms=0.1, corpus="7").model_dump()
    )
    assert run.data.metrics == {"valid/lsd_db": 0.1}
    tags = run.data.tags
    assert (
        tags["verdict"] == "passed" and "cpu" in tags["device"] and "mlflow 3" in tags["versions"]
    )
    assert tags["git_dirty"] in ("true", "false") and tags["git_commit"] and tags["host"]

    (output,) = tmp_path.glob("out_4_*.ipynb")
    assert tags["notebook"] == str(output)
    assert run.info.run_name == "corpus=7, max_lag_ms=0.1, n_examples=4"
    assert tags["command"].startswith("papermill in.ipynb 'out_{n_examples}_") and tags[
        "command"
    ].endswith("-p corpus 7")
    assert (
        tags["mlflow.note.content"]
        == f"`whole`: {run.info.run_name}\n\n```\n{tags['command']}\n```"
    )
    kept = nbformat.reads(artifact(run, f"notebook/{output.name}"), as_version=4)
    assert "run.finish()" in kept.cells[-1].source
    outputs = [found for cell in kept.cells if cell.source == work for found in cell.outputs]
    assert [found.output_type for found in outputs] == [
        "display_data",
        "display_data",
        "stream",
    ]  # a bar, a bar, a line
    assert "half-way" in artifact(run, f"notebook/{output.stem}.html")
    assert "pydantic==" in artifact(run, "packages.txt")
    assert Path(run.info.artifact_uri.removeprefix("file://")).is_relative_to(RUNS / "artifacts")


def test_a_failing_cell_is_a_failed_run_with_its_traceback_and_exit_code_1(tmp_path):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 100))
    os.set_blocking(ours, False)
    work = "from lib.runtime.progress import progress\nfor _ in progress(range(3), 'letters'): pass\nmissing_name"
    done = papermill(tmp_path, [*cells("failing"), work, "run.finish()"], stderr=theirs)
    screen = b""
    while done.poll() is None:
        time.sleep(0.1)
        try:
            screen += os.read(ours, 1 << 20)
        except BlockingIOError:
            pass
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 1
    assert "letters: 100%" in screen.decode(errors="replace")  # a bar, since there is a terminal

    run = only_run("failing")
    assert (
        run.info.status == "FAILED"
        and run.data.tags["error"] == "NameError: name 'missing_name' is not defined"
    )
    assert "NameError" in artifact(run, "traceback.txt")
    assert "missing_name" in artifact(run, "notebook/out.ipynb") and "missing_name" in artifact(
        run, "notebook/out.html"
    )


def test_refused_parameters_are_a_failed_run_that_names_the_nearest(tmp_path):
    done = papermill(
        tmp_path, [*cells("refused"), "run.finish()"], "out.ipynb", "-p", "max_lag", "2"
    )
    log = done.communicate()[1]
    line = "max_lag: no such parameter of check, did you mean max_lag_ms?"
    assert done.returncode == 1 and f"ParameterError: {line}" in log
    run = only_run("refused")
    assert run.info.status == "FAILED" and run.data.tags["error"] == f"ParameterError: {line}"
    assert line in artifact(run, "traceback.txt") and "max_lag = 2" in artifact(
        run, "notebook/out.ipynb"
    )


def test_ctrl_c_is_a_killed_run(tmp_path):
    process = papermill(tmp_path, [*cells("interrupted"), WAIT, "run.finish()"])
    wait_for((tmp_path / "waiting").exists)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate()
    assert process.returncode == 1
    wait_for(lambda: only_run("interrupted").info.status == "KILLED", 10)
    assert only_run("interrupted").data.tags["error"].startswith("KeyboardInterrupt")


def test_a_killed_process_leaves_a_running_run_that_the_next_start_closes(tmp_path):
    process = papermill(tmp_path, [*cells("shot"), WAIT, "run.finish()"])
    wait_for((tmp_path / "waiting").exists)
    for victim in [*psutil.Process(process.pid).children(recursive=True), process]:
        victim.kill()
    process.communicate()
    assert only_run("shot").info.status == "RUNNING"
    session.start("after", Check)
    assert (
        only_run("shot").info.status == "KILLED"
        and "was killed" in only_run("shot").data.tags["error"]
    )
    assert only_run("after").info.status == "RUNNING"  # its process lives


def test_leaving_by_sys_exit_is_no_finished_run(tmp_path):
    papermill(tmp_path, [*cells("left"), "import sys; sys.exit(0)", "run.finish()"]).communicate()
    assert (
        only_run("left").info.status == "FAILED"
        and only_run("left").data.tags["error"] == "SystemExit: 0"
    )


def test_four_starts_at_once_on_an_empty_store_all_live(tmp_path):
    code = "from lib.config.check import Check; from lib.tracking import session; run, p = session.start('crowd', Check); run.finish()"
    env = os.environ | {"RETIMBRE_RUNS": str(tmp_path / "runs")}
    crowd = [
        subprocess.Popen([sys.executable, "-c", code], env=env, cwd=tmp_path) for _ in range(4)
    ]
    assert [process.wait() for process in crowd] == [0, 0, 0, 0]
    found = store._client(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    (experiment,) = [found.get_experiment_by_name("crowd")]
    assert [run.info.status for run in found.search_runs([experiment.experiment_id])] == [
        "FINISHED"
    ] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


# a kernel, as JupyterLab drives it


@pytest.fixture
def lab(tmp_path):
    """Execute a cell: `lab(source)`; `lab.interrupt(source)` stops it."""
    page = tmp_path / "page.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("# as saved")]), page)
    manager, client = start_new_kernel(
        cwd=str(tmp_path), env=os.environ | {"JPY_SESSION_NAME": str(page)}
    )

    def execute(source):
        return client.execute_interactive(source, timeout=60, output_hook=lambda message: None)[
            "content"
        ]["status"]

    def interrupt(source):
        client.execute(source)
        wait_for((tmp_path / "waiting").exists)
        manager.interrupt_kernel()
        assert client.get_shell_msg(timeout=60)["content"]["status"] == "error"

    execute.interrupt = interrupt
    yield execute
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_going_on_after_an_error_reopens_the_run_and_the_second_cell_starts_a_new_one(lab):
    parameters, start = cells("lab")
    assert lab(parameters) == lab(start) == "ok"
    assert lab("1 / 0") == "error"
    run = only_run("lab")
    assert run.info.status == "FAILED" and run.data.tags["notebook"].endswith("page.ipynb")
    assert lab("1 / 1") == "ok" and only_run("lab").info.status == "RUNNING"
    assert lab("run.finish()") == "ok"
    assert only_run("lab").info.status == "FINISHED" and "error" not in only_run("lab").data.tags
    assert "ZeroDivisionError" in artifact(run, "traceback.txt") and "as saved" in artifact(
        run, "notebook/page.ipynb"
    )
    assert (
        lab("1 / 0") == "error" and only_run("lab").info.status == "FINISHED"
    )  # what is finished stays so

    assert lab(start) == "ok"
    lab.interrupt(WAIT)
    assert [run.info.status for run in store.newest_first("lab")] == ["KILLED", "FINISHED"]
    assert lab(start) == lab(start) == "ok"  # the handlers are still registered once
    assert [run.info.status for run in store.newest_first("lab")] == [
        "RUNNING",
        "KILLED",
        "KILLED",
        "FINISHED",
    ]


# a script: what a run keeps


def test_a_resumed_run_goes_on_in_its_own_record_and_logs_no_step_twice():
    first, _ = session.start("resumed", Train, {"lr": 2e-3, "epochs": 3})
    for step in (1, 2, 3):
        first.metrics({"train/l1": step, "valid/lsd_db": float("nan")}, step)
    with pytest.raises(ParameterError, match=r"^lr = 0\.1: .* 0\.002"):
        session.start("resumed", Train, {"resume": first.id, "lr": 0.1})
    again, p = session.start(
        "resumed", Train, {"resume": "latest", "epochs": 5}
    )  # not the refused one
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


def test_what_cannot_be_resumed_is_named():
    for which, reason in [("latest", "no run of never"), ("0123", "no such run")]:
        with pytest.raises(ParameterError, match=f"resume = '{which}': .*{reason}"):
            session.start("never", Train, {"resume": which})


def test_latest_is_the_newest_finished_and_best_scores_highest_on_the_same_pairs():
    ids = []
    for pairs, score in [("old", 0.9), ("new", 0.4), ("new", 0.2)]:
        run, _ = session.start("picked", Check)
        run.tags({"manifest_sha256": pairs})
        run.metrics({"best/gap_closed": score})
        run.finish()
        ids.append(run.id)
    open_one, _ = session.start("picked", Check)
    assert store.find("latest", "picked") == ids[2]
    assert store.find("best", "picked") == ids[1]
    assert store.find(open_one.id, "picked") == open_one.id
    with pytest.raises(store.NoRunError, match="a run of picked, expected one of train"):
        store.find(ids[0])
    with pytest.raises(store.NoRunError, match="no FINISHED run of nothing"):
        store.find("latest", "nothing")
    with pytest.raises(store.NoRunError, match="no artifact checkpoints"):
        store.download(ids[0], "checkpoints/best.pt")


def test_a_run_is_called_by_what_is_special_about_it(monkeypatch):
    def name(**given):
        run, _ = session.start("named", Train, given)
        run.finish()
        return run.name

    assert name() == name(epochs=12) == "defaults"
    assert (
        name(epochs=2, init_run="0123456789abcdef0123456789abcdef") == "epochs=2, init_run=01234567"
    )
    assert name(discriminators=["scale", "stft"]) == "discriminators=scale+stft"
    monkeypatch.setenv(provenance.RUN_NAME_VARIABLE, "seed=3")
    assert name(epochs=2) == "seed=3"
    long = provenance.run_title(
        {"speech_pattern": "x" * 200, "speech_dir": "/some/where/speech"},
        {},
        ("params/prepare/voices.yaml",),
    )
    assert (
        long.startswith("voices, speech_dir=speech, speech_pattern=xxx")
        and long.endswith("...")
        and len(long) == 100
    )


def test_a_resumed_run_keeps_the_note_that_its_user_wrote():
    first, _ = session.start("noted", Train, {"epochs": 3})
    assert "`noted`: epochs=3" in store.tags(first.id)["mlflow.note.content"]
    first.tags({"mlflow.note.content": "mine", "mlflow.runName": "my name"})
    first.finish()
    again, _ = session.start("noted", Train, {"resume": "latest"})
    again.finish()
    assert (store.tags(first.id)["mlflow.note.content"], again.name) == ("mine", "my name")


def test_figures_tables_and_pages_are_artifacts(tmp_path):
    run, _ = session.start("things", Check)
    figure = plt.figure(figsize=(4, 3))
    run.figure("lag", figure)
    assert not plt.fignum_exists(figure.number)
    assert plt.imread(store.download(run.id, "figures/lag.png")).shape[:2] == (
        450,
        600,
    )  # 150 dots per inch
    run.table("pairs", pd.DataFrame({"id": ["a", "b"], "lag": [0, 1]}))
    assert store.download(run.id, "tables/pairs.csv").read_text() == "id,lag\na,0\nb,1\n"
    run.html("listening", "<p>hear</p>")
    (tmp_path / "last.pt").write_bytes(b"weights")
    run.file(tmp_path / "last.pt", "checkpoints")
    assert store.download(run.id, "checkpoints/last.pt").read_bytes() == b"weights"
    run.source(run.id)
    with pytest.raises(Refused, match="a: late; b: early"):
        run.verdict(["a: late", "b: early"])
    found = store.client().get_run(run.id)
    assert found.data.tags["source_run"] == run.id and found.data.tags["verdict"] == "refused"
    assert artifact(found, "verdict.txt") == "verdict: refused\na: late\nb: early\n"
    assert json.loads(artifact(found, "parameters.json"))["corpus"] == "demo"
