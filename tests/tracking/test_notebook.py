"""Which notebook runs, and how it was started."""

import os
from types import SimpleNamespace

import psutil

from lib import REPO
from lib.tracking import notebook


def test_a_script_is_named_by_its_command(monkeypatch):
    words = ["/usr/bin/python", f"{REPO}/lib/train.py", "-p", "a b"]
    monkeypatch.setattr("sys.orig_argv", words)
    started = notebook.running_notebook()
    assert started.command == "python lib/train.py -p 'a b'"
    assert started.path is None and started.params_files == ()


def in_kernel(monkeypatch, command_line, **namespace):
    """Have this process take itself for a kernel that `command_line` started."""
    parent = SimpleNamespace(
        cmdline=lambda: command_line, cwd=os.getcwd, environ=lambda: {"PWD": "/nowhere"}
    )
    monkeypatch.setattr(notebook, "kernel", lambda: SimpleNamespace(user_ns=namespace))
    monkeypatch.setattr(psutil, "Process", lambda: SimpleNamespace(parent=lambda: parent))
    return notebook.running_notebook()


def test_papermills_output_and_files_are_read_from_its_command_line(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("out_3_old.ipynb", "out_3_new.ipynb", "out_4_new.ipynb"):
        (tmp_path / name).touch()
    os.utime(tmp_path / "out_3_old.ipynb", (0, 0))
    words = ["in.ipynb", "out_{epochs}_{pm[run_uuid]}.ipynb", "-f", "a.yaml", "-p", "epochs", "3"]
    started = in_kernel(monkeypatch, ["python", "/bin/papermill", *words], epochs=3)
    assert started.path == tmp_path / "out_3_new.ipynb"
    assert started.params_files == ("a.yaml",)
    assert started.command.startswith("papermill in.ipynb 'out_{epochs}_{pm[run_uuid]}.ipynb' -f")


def test_parameters_are_known_as_they_were_typed(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("corpus: 0170\nspeakers: [06701, no]\nseed: 3\n")
    words = ["in.ipynb", "out.ipynb", "-f", "a.yaml", "-p", "corpus", "0042", "-p", "run", "1_2"]
    words += ["-y", "noises: [1:30]", "-r", "note", "True", "-p", "resume", "None"]
    started = in_kernel(monkeypatch, ["papermill", *words, "-f", "https://nowhere/b.yaml"])
    assert started.typed == {
        "corpus": "0042",
        "speakers": ["06701", "no"],
        "seed": 3,
        "run": "1_2",
        "noises": ["1:30"],
        "note": "True",
        "resume": None,
    }


def test_an_output_that_is_not_kept_has_no_path(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert in_kernel(monkeypatch, ["papermill", "in.ipynb", "-"]).path is None
    assert in_kernel(monkeypatch, ["papermill", "in.ipynb", "missing.ipynb"]).path is None


def test_jupyterlab_names_its_page_and_no_command(monkeypatch, tmp_path):
    page = tmp_path / "page.ipynb"
    page.touch()
    monkeypatch.setenv("JPY_SESSION_NAME", str(page))
    started = in_kernel(monkeypatch, ["python", "/bin/jupyter-lab"])
    assert started == notebook.Notebook(page, (), "")
