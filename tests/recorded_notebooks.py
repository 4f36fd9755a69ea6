"""Small notebooks that record a run, executed as users do, and a look at what was recorded."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from lib.config.base import Parameters, plain_type
from lib.tracking import store

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
# A cell that waits to be interrupted or killed
WAIT = "from pathlib import Path; import time; Path('waiting').touch(); time.sleep(60)"


def first_cells(name: str, model: type[Parameters]) -> list[str]:
    """The first two cells of a notebook with the parameters of `model`, recorded as `name`."""
    parameters = [
        f"{field}: {plain_type(model, field).__name__} = {getattr(model(), field)!r}  # help"
        for field in model.model_fields
    ]
    start = [
        f"from {model.__module__} import {model.__name__}",
        "from lib.tracking import session",
        f"run, p = session.start('{name}', {model.__name__})",
    ]
    return ["\n".join(parameters), "\n".join(start)]


def papermill(folder: Path, sources: list[str], *words: str, **settings) -> subprocess.Popen:
    """Start papermill on a notebook of these code cells, in `folder`."""
    cells = [
        new_code_cell(source, metadata={"tags": ["parameters"]} if i == 0 else {})
        for i, source in enumerate(sources)
    ]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), folder / "in.ipynb")
    command = [sys.executable, "-m", "papermill", "in.ipynb", *(words or ["out.ipynb"])]
    settings = {"stderr": subprocess.PIPE, "text": True, "preexec_fn": _accept_ctrl_c} | settings
    return subprocess.Popen(command, cwd=folder, start_new_session=True, **settings)


def _accept_ctrl_c() -> None:
    """A shell in the background has the tests, and all that they start, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def only_run(experiment: str):
    """The MLflow run of an experiment that has one."""
    (run,) = store.newest_first(experiment)
    return run


def artifact(run, path: str) -> str:
    """The text of an artifact."""
    return store.download(run.info.run_id, path).read_text()


def wait_for(condition, seconds: float = 60) -> None:
    """Return as soon as `condition()` is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not in {seconds} s"
        time.sleep(0.1)
