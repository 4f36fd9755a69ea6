"""A grid or a random search over any notebook's parameters: papermill runs each point, and each is a child run of the sweep.

python -m lib.sweep params/sweep/gan.yaml      what is done is not done again; what fails is listed, and the rest goes on

The file names the notebook, what is the same in all points (`fixed`), and either a `grid` of lists or `random`: `n` points of
`seed`, each parameter a list to choose from, `{min, max}` or `{min, max, log: true}`.
"""

import argparse
import sys
from pathlib import Path

from lib.tracking.sweeps import run_sweep


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m lib.sweep", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("file", type=Path, help="what is searched, e.g. params/sweep/gan.yaml")
    parser.add_argument(
        "--n-processes", type=int, default=1, help="points at a time (default: %(default)s)"
    )
    parser.add_argument(
        "--dask-address", default="", help="of a Dask cluster that gets the points instead"
    )
    typed = parser.parse_args()
    try:
        table = run_sweep(typed.file, typed.n_processes, typed.dask_address)
    except (OSError, ValueError) as error:  # ParameterError is one
        sys.exit(f"{typed.file}: {error}")
    failed = (table.status != "FINISHED").sum()
    print(table.to_string(index=False))
    sys.exit(
        f"{failed} of {len(table)} points failed; the same command does these again"
        if failed
        else 0
    )


if __name__ == "__main__":
    main()
