"""Folders that are made once: complete under their own name, or to be continued."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

MARKER = "made.json"


def make_once(folder: Path, settings: dict, fill: Callable[[Path], None]) -> None:
    """Have `fill` make `folder`, unless it is complete and of these `settings`; a part of it that exists goes on."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.part")
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if _stored_settings(folder) == settings:
            return
        if folder.exists() and _stored_settings(folder) is None:
            raise FileExistsError(
                f"{folder} exists and was not made here: move it away, or name another folder"
            )
        if _stored_settings(part) != settings:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            (part / MARKER).write_text(json.dumps(settings))
        fill(part)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)


def _stored_settings(folder: Path) -> dict | None:
    try:
        return json.loads((folder / MARKER).read_text())
    except (OSError, ValueError):
        return None
