"""What a run is called in MLflow, and the note on its page."""

import re
from pathlib import Path
from typing import Any

from lib.tracking.notebook import Notebook

MAX_TITLE_LENGTH = 100  # letters


def run_title(
    values: dict[str, Any], defaults: dict[str, Any], params_files: tuple[str, ...] = ()
) -> str:
    """The name of a run: its parameter files, and its parameters that are not the defaults.

    Short parameters come first, since MLflow's list of runs has room for some twenty letters.

    >>> files = ("params/large.yaml",)
    >>> run_title({"epochs": 2, "seed": 0, "init_run": "best"}, {"epochs": 12, "seed": 0}, files)
    'large, epochs=2, init_run=best'
    >>> run_title({"gan_start_epoch": 8, "lr": 0.002}, {})
    'lr=0.002, gan_start_epoch=8'
    >>> run_title({"seed": 0}, {"seed": 0})
    'defaults'
    """
    changed = [
        name for name, value in values.items() if name not in defaults or value != defaults[name]
    ]
    settings = [f"{name}={_short(values[name])}" for name in sorted(changed, key=len)]
    title = ", ".join([*(Path(file).stem for file in params_files), *settings]) or "defaults"
    return title if len(title) <= MAX_TITLE_LENGTH else f"{title[: MAX_TITLE_LENGTH - 3]}..."


def run_note(name: str, title: str, notebook: Notebook) -> str:
    """The first text of the run's page, as Markdown: the notebook, the title, and the command.

    >>> run_note("check", "defaults", Notebook(command="papermill in.ipynb out.ipynb"))
    '`check`: defaults\\n\\n```\\npapermill in.ipynb out.ipynb\\n```'
    """
    if notebook.command:
        start = f"\n\n```\n{notebook.command}\n```"
    else:
        start = ", from JupyterLab" if notebook.path else ""
    return f"`{name}`: {title}{start}"


def _short(value: Any) -> str:
    """The last part of a path, the beginning of a run's id; so for each value of a list."""
    if isinstance(value, list):
        return "+".join(map(_short, value))
    # A run's id has 32 hexadecimal digits; eight are enough to tell runs apart.
    return re.sub(r"^([0-9a-f]{8})[0-9a-f]{24}$", r"\1", str(value).rstrip("/").rpartition("/")[2])
