"""A grid or a random search over the parameters of any notebook.

python -m lib.sweep params/sweep/gan.yaml

Papermill executes the notebook for each point, and each point is a child of the sweep's run in
MLflow. A second run skips the points that finished. Points that fail are listed; they do not stop
the others. `lib.config.search` describes the file.
"""

import argparse
import sys
from pathlib import Path

from lib.runtime.command import exit_stopped, importing

with importing(__name__):
    from lib.tracking.sweeps import run_sweep


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m lib.sweep", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("file", type=Path, help="the search, e.g. params/sweep/gan.yaml")
    parser.add_argument(
        "--n-processes", type=int, default=1, help="points at a time (default: %(default)s)"
    )
    parser.add_argument(
        "--dask-address", default="", help="of a Dask cluster that executes the points instead"
    )
    arguments = parser.parse_args()
    if arguments.n_processes < 1:
        parser.error(f"--n-processes {arguments.n_processes}: expected at least 1")
    try:
        table = run_sweep(arguments.file, arguments.n_processes, arguments.dask_address)
    except KeyboardInterrupt:
        exit_stopped("stopped; the same command goes on with the points that are left")
    except (OSError, ValueError) as error:  # ParameterError is one
        sys.exit(f"{arguments.file}: {error}")
    # All points, before the status: those that finished keep their results.
    print(table.to_string(index=False))
    # A status other than 0, so that a script notices points that failed.
    if n_failed := (table.status != "FINISHED").sum():
        sys.exit(f"{n_failed} of {len(table)} points failed; the same command executes them again")


if __name__ == "__main__":
    main()
