"""Links between the pages of runs, in their descriptions: the tag `mlflow.note.content`.

The addresses are relative, so that they hold wherever the UI is served. MLflow shows tags of other
names as plain text.
"""

import json
import re
from collections.abc import Sequence
from urllib.parse import quote

from filelock import FileLock

from lib import RUNS
from lib.tracking import store

NOTE = "mlflow.note.content"
UI = "http://127.0.0.1:5000"  # of `make ui`
FROM, USED = "Comes from", "Used by"  # how the paragraphs begin
MAX_LINKS = 10  # in a paragraph, the newest; a tag of MLflow has at most 5000 letters
TRAINING = "workflowType=machine_learning"  # without the pages that MLflow has for chatbots
MAX_NAME = 40  # letters of a run's name
LINK = re.compile(r"\[[^\]]*\]\(([^)]*)\)")


def connect(run_id: str, source_id: str) -> None:
    """Link a run to the run that it comes from, and that one to it.

    E.g. a listening run to the training that it judges, a training to the run that prepared its
    pairs.
    """
    _add_link(run_id, FROM, link(source_id))
    _add_link(source_id, USED, link(run_id))


def link(run_id: str) -> str:
    """A link to the page of a run, as Markdown, with the names of its experiment and its own."""
    info = store.client().get_run(run_id).info
    experiment = store.client().get_experiment(info.experiment_id).name
    name = info.run_name
    if len(name) > MAX_NAME:
        name = f"{name[: MAX_NAME - 3]}..."
    name = f"{experiment}: {name}".translate(str.maketrans("[]", "()"))
    return f"[{name}](#/experiments/{info.experiment_id}/runs/{run_id}?{TRAINING})"


def side_by_side(run_ids: Sequence[str]) -> str:
    """A link to MLflow's page that compares runs."""
    ids = {store.client().get_run(run_id).info.experiment_id for run_id in run_ids}
    runs, experiments = (quote(json.dumps(part)) for part in ([*run_ids], sorted(ids)))
    return f"[side by side](#/compare-runs?runs={runs}&experiments={experiments})"


def charts(experiment_id: str, condition: str) -> str:
    """A link to MLflow's charts over the runs of an experiment that meet a condition."""
    search = f"searchFilter={quote(condition)}&{TRAINING}"
    return f"[charts](#/experiments/{experiment_id}/runs?{search}&compareRunsMode=CHART)"


def comparison(run_ids: Sequence[str]) -> str:
    """Links to MLflow's pages over these runs: side by side, and their charts.

    There are no charts over runs of several experiments.
    """
    ids = {store.client().get_run(run_id).info.experiment_id for run_id in run_ids}
    found = [side_by_side(run_ids)]
    if len(ids) == 1:
        names = ", ".join(f"'{run_id}'" for run_id in run_ids)
        found.append(charts(ids.pop(), f"attributes.run_id IN ({names})"))
    return ", ".join(found)


def absolute(text: str) -> str:
    """A text whose links work outside MLflow: at the tracking server, or at that of `make ui`.

    >>> absolute("[charts](#/experiments/4/runs)")
    '[charts](http://127.0.0.1:5000/#/experiments/4/runs)'
    """
    server = store.uri() if store.uri().startswith("http") else UI
    return text.replace("](#/", f"]({server.rstrip('/')}/#/")


def say(run_id: str, start: str, text: str) -> None:
    """Let the description say `start: text`, in place of what it said after this start.

    The paragraph comes second: the page of a run shows few lines before "Show more".
    """
    note = store.tags(run_id).get(NOTE, "")
    store.client().set_tag(run_id, NOTE, with_paragraph(note, start, text))


def with_paragraph(note: str, start: str, text: str) -> str:
    """A note with the paragraph `start: text`.

    >>> with_paragraph(with_paragraph("`check`: defaults", "Used by", "a"), "Used by", "b")
    '`check`: defaults\\n\\nUsed by: b'
    """
    paragraphs = [part for part in note.split("\n\n") if not part.startswith(f"{start}: ")]
    paragraphs.insert(1, f"{start}: {text}")
    return "\n\n".join(part for part in paragraphs if part)


def _add_link(run_id: str, start: str, new: str) -> None:
    address = LINK.fullmatch(new)[1]  # a run may have another name since
    # The points of a sweep add theirs to one run at the same time.
    with FileLock(RUNS / ".links.lock"):
        paragraphs = store.tags(run_id).get(NOTE, "").split("\n\n")
        former = [
            known[0]
            for part in paragraphs
            if part.startswith(f"{start}: ")
            for known in LINK.finditer(part)
            if known[1] != address
        ]
        say(run_id, start, ", ".join([new, *former][:MAX_LINKS]))
