"""Where a run comes from."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

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
    boot, ticks = tags["process_start"].split()
    for other in (f"{boot} {int(ticks) + 1}", f"before-{boot} {ticks}"):
        assert not provenance.is_alive(tags | {"process_start": other})


def test_a_process_lives_on_when_the_clock_is_set(tmp_path, monkeypatch):
    """A clock that was set by 2 s made every run at work a dead one, which could be resumed."""
    tags = provenance.process_tags()
    created = psutil.Process().create_time()
    # Linux keeps the time since boot, and moves the time of the boot.
    stat = Path("/proc/stat").read_text()
    [boot] = re.findall(r"^btime (\d+)$", stat, re.MULTILINE)
    (tmp_path / "stat").write_text(stat.replace(f"btime {boot}", f"btime {int(boot) + 3600}"))
    (tmp_path / tags["pid"]).symlink_to(f"/proc/{tags['pid']}")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    assert abs(psutil.Process().create_time() - created - 3600) < 2
    assert provenance.is_alive(tags)


def test_a_run_of_before_told_the_time_of_its_start():
    tags = provenance.process_tags()
    del tags["process_start"]
    created = psutil.Process().create_time()
    for time_s, alive in ((created, True), (created + 60, False)):
        assert provenance.is_alive(tags | {"process_created": str(time_s)}) == alive


def test_the_last_sign_of_life_decides_about_a_process_that_cannot_be_seen():
    tags = provenance.process_tags() | {"host": "elsewhere", "pid": "7"}
    for age_s, alive in [(0, True), (240, True), (360, False)]:
        assert provenance.is_alive(tags | {"heartbeat": str(time.time() - age_s)}) == alive
    text = provenance.process_text(tags | {"heartbeat": str(time.time() - 3600)})
    assert text == "process 7 on elsewhere, whose last sign of life is 60 min old"
    del tags["heartbeat"]  # a version that gave none
    assert provenance.is_alive(tags) and provenance.process_text(tags) == "process 7 on elsewhere"


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
