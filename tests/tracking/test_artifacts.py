"""An artifact is there as a whole or not at all."""

import pytest
from signals import file_size_limit

from lib.config.check import Check
from lib.tracking import artifacts, session, store


@pytest.fixture(scope="module")
def run():
    run, _ = session.start("kept", Check)
    yield run
    run.finish()


def test_a_full_disk_leaves_the_former_artifact_and_names_it(run, tmp_path):
    """A half of a table or of weights would later be read as a whole."""
    weights = tmp_path / "best.pt"
    weights.write_bytes(b"old")
    run.file(weights, "checkpoints")
    weights.write_bytes(bytes(300_000))
    with file_size_limit(100_000):
        with pytest.raises(OSError, match=rf"File too large: '.*{run.id}.*/checkpoints/best\.pt'"):
            run.file(weights, "checkpoints")
        with pytest.raises(OSError, match=r"File too large: '.*/tables/new\.csv'"):
            run.text("tables/new.csv", "1\n" * 100_000)
    assert store.download(run.id, "checkpoints/best.pt").read_bytes() == b"old"
    with pytest.raises(store.NoRunError):
        store.download(run.id, "tables/new.csv")
    folder = artifacts.folder_of(run.id)
    kept = [path.name for path in folder.rglob("*") if path.is_file()]
    assert sorted(kept) == ["best.pt", "packages.txt", "parameters.json"]


def test_text_is_utf_8_and_its_lines_end_as_they_did(run):
    run.text("a/b.txt", "Käse\r\nβ\n")
    assert store.download(run.id, "a/b.txt").read_bytes() == "Käse\r\nβ\n".encode()
