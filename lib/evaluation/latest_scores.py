"""The command at the end of `make run`: the newest listening run's scores, and its page.

python -m lib.evaluation.latest_scores
"""

import sys
from pathlib import Path

from lib.tracking import store


def main() -> None:
    """Print the newest listening run's table, the path of its page and how to see all runs."""
    try:
        run_id = store.find("latest", experiment="listen")
        scores = store.download(run_id, "scores.txt").read_text(encoding="utf-8")
        page = store.download(run_id, "listening.html").resolve()
    except store.NoRunError as error:
        sys.exit(str(error))
    folder = Path.cwd().resolve()
    print(f"{scores.rstrip()}\n")
    print(f"open in a browser  {page.relative_to(folder) if page.is_relative_to(folder) else page}")
    print("all runs           make ui")


if __name__ == "__main__":
    main()
