"""The notebook that is running: where it is saved, and the command that started it."""

import base64
import os
import re
import shlex
import sys
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import yaml

from lib import REPO
from lib.config.plain_yaml import read_yaml
from lib.runtime.kernel import kernel


class Notebook(NamedTuple):
    """How a notebook, or a script in its place, was started.

    Attributes:
        path: file that the notebook is saved to as it is executed; None if that is not known.
        params_files: files that papermill got with `-f`.
        command: what was typed; "" in JupyterLab.
        typed: parameters as they were typed on papermill's command line, or in its files. Papermill
            itself makes 170 of `0170`, which may be the name of a speaker.
    """

    path: Path | None = None
    params_files: tuple[str, ...] = ()
    command: str = ""
    typed: dict[str, Any] = {}  # noqa: RUF012 (never changed)


def running_notebook() -> Notebook:
    """The notebook that this is called in, as papermill's command line or JupyterLab names it."""
    if kernel() is None:
        # What was typed: `sys.argv` lacks Python's own options, such as `-m`.
        return Notebook(command=_command(Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]))
    if started := _papermill():
        process, words = started
        options = _papermill_options(words)
        # With --cwd papermill has changed its folder; the shell's variable names the first one.
        folder = process.environ().get("PWD", "") if options["cwd"] else process.cwd()
        path = _output_path(folder, options, kernel().user_ns)
        command = _command("papermill", *words)
        return Notebook(path, options["parameters_file"], command, _typed(options, folder))
    page = Path(os.environ.get("JPY_SESSION_NAME", "")).absolute()  # set by JupyterLab
    # Without the variable `page` is the current folder, which is no file.
    return Notebook(page if page.is_file() else None)


def _command(*words: str) -> str:
    return shlex.join(word.removeprefix(f"{REPO}/") for word in words)


def _papermill() -> tuple[psutil.Process, list[str]] | None:
    """The papermill that started this kernel, and the words behind it on its command line."""
    try:
        parent = psutil.Process().parent()
        words = parent.cmdline() if parent else []
    except psutil.Error:
        return None
    # Papermill is started by its script, or as `python -m papermill`.
    stems = [Path(word).stem for word in words]
    return (parent, words[stems.index("papermill") + 1 :]) if "papermill" in stems else None


def _papermill_options(words: list[str]) -> dict[str, Any]:
    """What papermill's own command line reads in `words`."""
    from papermill.cli import papermill

    # Papermill has accepted these words already: nothing is checked again or carried out.
    return papermill.make_context("papermill", list(words), resilient_parsing=True).params


def _typed(options: dict[str, Any], folder: str) -> dict[str, Any]:
    """The parameters that papermill was given; of several values of one the last counts, as there.

    Text stays text unless it is plainly a number, see `read_yaml`.
    """
    typed = {}
    for text in _yaml_texts(options, folder):
        try:
            values = read_yaml(text)
        except yaml.YAMLError:  # papermill has read it
            continue
        typed |= values if isinstance(values, dict) else {}
    # Papermill's own words for these three.
    words = {"None": None, "True": True, "False": False}
    typed |= {name: words.get(text, text) for name, text in options["parameters"]}
    return typed | dict(options["parameters_raw"])


def _yaml_texts(options: dict[str, Any], folder: str) -> Iterator[str]:
    for text in options["parameters_base64"]:
        yield base64.b64decode(text).decode()
    for name in options["parameters_file"]:
        try:
            yield Path(folder, name).read_text()
        except (OSError, UnicodeDecodeError):  # papermill reads addresses, too
            continue
    yield from options["parameters_yaml"]


def _output_path(folder: str, options: dict[str, Any], namespace: dict[str, Any]) -> Path | None:
    """Papermill's output file, which it has saved before it executes the first cell.

    The name may be a template such as `out_{epochs}_{pm[run_uuid]}.ipynb`. The kernel's namespace
    holds the parameters; the parts `{pm[...]}` are known to papermill alone. Of several files that
    fit the newest is taken.
    """
    name = options["output_path"]
    # Papermill writes to standard output then, so there is no file.
    if name in (None, "", "-"):
        return None
    name = re.sub(
        r"\{(\w+)[^{}]*\}",
        lambda field: "*" if field[1] == "pm" else field[0].format(**namespace),
        name,
    )
    pattern = str(Path(folder, name))
    paths = [Path(path) for path in (glob(pattern) if "*" in name else [pattern])]
    return max(filter(Path.is_file, paths), key=lambda path: path.stat().st_mtime, default=None)
