"""Tests write to a folder of their own: `lib.RUNS` is fixed when `lib` is imported, and subprocesses inherit it."""

import os
import shutil
import tempfile

RUNS = tempfile.mkdtemp(prefix="retimbre-runs-")
os.environ["RETIMBRE_RUNS"] = RUNS
os.environ.pop("MLFLOW_TRACKING_URI", None)
os.environ.pop("JPY_SESSION_NAME", None)  # of a notebook in which the tests may have been started


def pytest_unconfigure():
    shutil.rmtree(RUNS, ignore_errors=True)


LONGEST_FIRST = [
    "test_notebooks",
    "test_sweeps",
    "test_loop",
    "test_parallel",
]  # so that no process waits for another's long file


def pytest_collection_modifyitems(items):
    """Order for `-n 2 --dist loadfile --no-loadscope-reorder`."""
    items.sort(key=lambda item: [*LONGEST_FIRST, item.path.stem].index(item.path.stem))
