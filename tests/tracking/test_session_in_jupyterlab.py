"""A run in a kernel as JupyterLab drives it: cells are repeated, corrected and interrupted."""

import os

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbformat.v4 import new_code_cell, new_notebook
from recorded_notebooks import WAIT, artifact, first_cells, only_run, wait_for

from lib.config.check import Check
from lib.config.listen import Listen
from lib.tracking import store


@pytest.fixture
def lab(tmp_path):
    """Execute a cell: `lab(source)`; `lab.interrupt(source)` stops it."""
    page = tmp_path / "page.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("# as saved")]), page)
    environment = os.environ | {"JPY_SESSION_NAME": str(page)}
    manager, client = start_new_kernel(cwd=str(tmp_path), env=environment)

    def execute(source):
        # With stop_on_error a kernel also aborts what arrives within moments after an error.
        reply = client.execute_interactive(
            source, stop_on_error=False, timeout=60, output_hook=lambda message: None
        )
        return reply["content"]["status"]

    def interrupt(source):
        client.execute(source, stop_on_error=False)
        wait_for((tmp_path / "waiting").exists)
        manager.interrupt_kernel()
        assert client.get_shell_msg(timeout=60)["content"]["status"] == "error"

    execute.interrupt = interrupt
    yield execute
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def statuses(experiment):
    return [run.info.status for run in store.newest_first(experiment)]


def test_going_on_after_an_error_reopens_the_run_and_the_second_cell_starts_a_new_one(lab):
    parameters, start = first_cells("lab", Check)
    assert lab(parameters) == lab(start) == "ok"
    assert lab("1 / 0") == "error"
    run = only_run("lab")
    assert run.info.status == "FAILED" and run.data.tags["notebook"].endswith("page.ipynb")
    assert lab("1 / 1") == "ok" and statuses("lab") == ["RUNNING"]
    assert lab("run.finish()") == "ok"
    assert statuses("lab") == ["FINISHED"] and "error" not in only_run("lab").data.tags
    assert "ZeroDivisionError" in artifact(run, "traceback.txt")
    assert "as saved" in artifact(run, "notebook/page.ipynb")
    assert lab("1 / 0") == "error" and statuses("lab") == ["FINISHED"]  # it stays finished

    assert lab(start) == "ok"
    lab.interrupt(WAIT)
    assert statuses("lab") == ["KILLED", "FINISHED"]
    assert lab(start) == lab(start) == "ok"  # the handlers are still registered once
    assert statuses("lab") == ["RUNNING", "KILLED", "KILLED", "FINISHED"]
    assert lab("1 / 0") == "error"
    assert lab(start) == "ok"  # a run that failed stays so when a new one takes its place
    assert statuses("lab")[:2] == ["RUNNING", "FAILED"]


def test_values_and_typos_in_the_users_own_cell_are_seen(lab):
    parameters, start = first_cells("edited", Listen)
    assert lab(parameters.replace("run: list = []", "run: list = ['best']")) == lab(start) == "ok"
    # by now `run` is the recorded run; the second cell alone, again, still knows the parameter
    assert lab("n_items = 3") == lab(start) == "ok"
    runs = store.newest_first("edited")
    assert [store.parameters(run.info.run_id)["run"] for run in runs] == [["best"], ["best"]]
    assert [store.parameters(run.info.run_id)["n_items"] for run in runs] == [3, 0]
    assert lab(parameters + "\nn_item = 3") == "ok" and lab(start) == "error"
    error = store.newest_first("edited")[0].data.tags["error"]
    assert error == "ParameterError: n_item: no such parameter of listen, did you mean n_items?"
    assert lab(parameters) == lab(start) == "ok"
