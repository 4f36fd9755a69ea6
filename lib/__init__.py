"""Retimbre: give speech its timbre back after noise suppression.

`REPO` is the repository. `RUNS` is the folder that everything written goes to; the variable
`RETIMBRE_RUNS` moves it, and the tests do so. Nothing heavy is imported here, so that `import lib`
is quick.
"""

import os
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
# PyTorch's threads wait for each other at the end of each operation, and spin meanwhile. Beside
# another busy process a thread that spins takes the time that the awaited one needs: on two cores
# an epoch of `train` took five minutes for 11 s. So they spin for microseconds, then sleep, which
# costs a tenth where nothing else runs. OpenMP reads this when PyTorch is imported, later.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

RUNS = Path(os.environ.get("RETIMBRE_RUNS") or REPO / "runs").resolve()
