"""Files that a run keeps: each is there as a whole or not at all, and the reason is told."""

import io
import shutil
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from lib.runtime.whole_file import whole_file
from lib.tracking import store


def keep_file(run_id: str, path: str | Path, folder: str = "") -> None:
    """Store a copy of a file as an artifact of a run, in the artifacts' `folder`.

    Raises:
        OSError: it cannot be written, e.g. "No space left on device"; the error names the artifact.
            A former artifact of that name stays as it is.
    """
    place = folder_of(run_id)
    if place is None:
        store.client().log_artifact(run_id, str(path), folder or None)
        return
    with open(path, "rb") as source:
        _write(place / folder / Path(path).name, source)


def keep_text(run_id: str, path: str, text: str) -> None:
    """Store `text` as the artifact `path`; raises as `keep_file`."""
    place = folder_of(run_id)
    if place is None:
        store.client().log_text(run_id, text, path)
    else:
        _write(place / path, io.BytesIO(text.encode()))


def folder_of(run_id: str) -> Path | None:
    """The folder of a run's artifacts; None if a server or a cloud keeps them."""
    # Imported here, since MLflow takes seconds to import.
    from mlflow.utils.file_utils import local_file_uri_to_path

    address = store.client().get_run(run_id).info.artifact_uri
    is_local = urlsplit(address).scheme in ("", "file")
    return Path(local_file_uri_to_path(address)) if is_local else None


def _write(target: Path, source: BinaryIO) -> None:
    with whole_file(target) as file:
        shutil.copyfileobj(source, file)
