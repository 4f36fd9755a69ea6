"""The command at the end of `make run`: the newest listening run's scores, and what to do next.

python -m lib.evaluation.latest_scores
"""

import sys
from pathlib import Path

from lib.tracking import store

TRAIN = (
    ".venv/bin/papermill notebooks/prepare.ipynb runs/prepare.ipynb -p corpus mine"
    " -p speech_dir SPEECH -p noise_dir NOISE, then README, Train your own"
)


def main() -> None:
    """Print the newest listening run's table, and how to hear it, compare runs and train one."""
    try:
        run_id = store.find("latest", experiment="listen")
        scores = store.download(run_id, "scores.txt").read_text(encoding="utf-8")
        page = store.download(run_id, "listening.html").resolve()
    except store.NoRunError as error:
        sys.exit(str(error))
    folder = Path.cwd().resolve()
    print(f"{scores.rstrip()}\n")
    shown = page.relative_to(folder) if page.is_relative_to(folder) else page
    print(f"hear it            open {shown} in a browser")
    print("compare all runs   make ui")
    print(f"train your own     {TRAIN}")


if __name__ == "__main__":
    main()
