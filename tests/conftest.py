"""Tests write to a folder of their own.

`lib.RUNS` is fixed when `lib` is imported, and subprocesses inherit the variable.
"""

import os
import shutil
import tempfile

import pytest

RUNS = tempfile.mkdtemp(prefix="retimbre-runs-")
os.environ["RETIMBRE_RUNS"] = RUNS
os.environ.pop("MLFLOW_TRACKING_URI", None)
os.environ.pop("JPY_SESSION_NAME", None)  # of a notebook in which the tests may have been started

from lib.runtime.compile_lock import import_librosa  # noqa: E402 (RUNS is fixed by now)

# Both processes of `make test` import librosa when they collect tests, and numba compiles then.
import_librosa()


def pytest_unconfigure():
    shutil.rmtree(RUNS, ignore_errors=True)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory):
    """The folders of an embedded corpus of 12 sentences and 3 rooms: to be read, not changed.

    Both processes of `make test` share it: the second one waits for it or finds it.
    """
    from lib.corpus import demo

    root = tmp_path_factory.getbasetemp()
    shared = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    return demo.make(shared / "embedded" / "demo", n_sentences=12, n_rooms=3)


# So that no process waits for another's long file.
LONGEST_FIRST = [
    "test_notebooks",
    "test_sweeps",
    "test_train_command",
    "test_launch",
    "test_learner",
    "test_session",
    "test_loop",
    "test_parallel",
]


def pytest_collection_modifyitems(items):
    """Order for `-n 2 --dist loadfile --no-loadscope-reorder`."""
    items.sort(key=lambda item: [*LONGEST_FIRST, item.path.stem].index(item.path.stem))
