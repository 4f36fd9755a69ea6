"""Where a run comes from."""

import json
import subprocess
import sys

import psutil

from lib import REPO
from lib.tracking import provenance
from lib.tracking.notebook import Notebook


def test_a_process_is_alive_until_it_has_ended():
    code = [
        "import json",
        "from lib.tracking.provenance import process_tags",
        "print(json.dumps(process_tags()), flush=True)",
        "input()",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", "\n".join(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    tags = json.loads(process.stdout.readline())
    assert tags["pid"] == str(process.pid) and provenance.is_alive(tags)
    process.kill()
    process.stdout.read()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert not provenance.is_alive(tags)  # before and after its parent has taken note
    process.communicate()
    assert not provenance.is_alive(tags)


def test_another_process_with_the_same_number_is_another_process():
    tags = provenance.process_tags()
    assert provenance.is_alive(tags)
    later = {"process_created": str(float(tags["process_created"]) + 60)}
    assert not provenance.is_alive(tags | later)
    assert provenance.is_alive(tags | later | {"host": "elsewhere"})  # cannot be seen from here


def test_tags_leave_out_what_is_empty_and_name_paths_from_the_repository(monkeypatch):
    monkeypatch.setenv(provenance.PARENT_RUN_VARIABLE, "0123")
    notebook = Notebook(REPO / "runs" / "out.ipynb", ("a.yaml", "b.yaml"))
    tags = provenance.run_tags("check", notebook)
    assert tags["notebook"] == "runs/out.ipynb" and tags["params_files"] == "a.yaml, b.yaml"
    assert tags["mlflow.parentRunId"] == "0123" and tags["mlflow.source.name"] == "check.ipynb"
    assert "command" not in tags and "sweep_point" not in tags
    assert all(tags.values())


def test_the_packages_are_those_of_this_environment():
    packages = provenance.installed_packages().splitlines()
    assert packages == sorted(packages, key=str.lower)
    assert any(line.startswith("mlflow==3") for line in packages)
