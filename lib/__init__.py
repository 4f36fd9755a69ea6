"""Retimbre: give speech its timbre back after noise suppression.

`REPO` is the repository. `RUNS` is the folder that everything written goes to; the variable
`RETIMBRE_RUNS` moves it, and the tests do so. Nothing heavy is imported here, so that `import lib`
is quick.
"""

import os
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
RUNS = Path(os.environ.get("RETIMBRE_RUNS") or REPO / "runs").resolve()
