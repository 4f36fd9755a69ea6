"""The run of this process: begun by a notebook's second cell, closed by its last one.

The second cell calls `start`. From then on IPython's cell events close the run when a cell fails or
is interrupted. They open it again when the user of JupyterLab goes on. The last cell calls
`Run.finish`.
"""

import json
import os
import socket
from typing import Any

from lib.config.base import ParameterError, Parameters, build
from lib.config.notebook import given_in_notebook
from lib.runtime.kernel import kernel
from lib.runtime.progress import echo
from lib.tracking import heartbeat, machine, provenance, store
from lib.tracking.notebook import running_notebook
from lib.tracking.run import Run
from lib.tracking.store import NoRunError
from lib.tracking.titles import run_note, run_title

CHANGEABLE_ON_RESUME = {"epochs", "resume"}  # a resumed run keeps all other parameters
_current: Run | None = None  # the last run that this process began
_given: dict[str, Any] = {}  # what the notebook was given when it began


def start(
    name: str, model: type[Parameters], given: dict[str, Any] | None = None
) -> tuple[Run, Any]:
    """Begin the run of the notebook `name`, or go on with the run that its `resume` names.

    Args:
        name: of the notebook, and of its MLflow experiment.
        model: of its parameters.
        given: values of parameters; None takes them from the notebook that calls.

    Returns:
        The run, and the parameters as an instance of `model`.

    Raises:
        ParameterError: the parameters are refused. A FAILED run with the message records it.
    """
    global _current
    if _is_unfinished():  # the second cell was executed again
        _current.end(_current.outcome)
    _current = None
    experiment, notebook = store.experiment(name), running_notebook()
    tags = provenance.run_tags(name, notebook)
    # Before `resume` looks for its run: a killed run is RUNNING still, and would be refused.
    close_dead_runs()
    try:
        p, resumed_id = _parameters(name, model, given, notebook.typed)
    except Exception as error:
        run_id = _create(experiment, "refused", tags | {"refused": "true"})
        Run(run_id, notebook).fail(error)
        # Who looks at the list of runs next should not wonder where this one comes from.
        echo(f"{name}: refused before any work; MLflow keeps it as FAILED run refused ({run_id})")
        # The message is meant for the user; the frames of this module would bury it.
        raise error.with_traceback(None) from None

    values = p.model_dump()
    tags["device"] = provenance.device_name(values.get("device", "cpu"))
    if resumed_id is None:
        title = os.environ.get(provenance.RUN_NAME_VARIABLE) or run_title(
            values, model().model_dump(), notebook.params_files
        )
        note = {"mlflow.note.content": run_note(name, title, notebook)}
        run = Run(_create(experiment, title, tags | note), notebook)
    else:
        run = Run(resumed_id, notebook, resumed=True)
    # From here on a cell that fails closes the run.
    _current = run
    if kernel():
        kernel().events.register("pre_run_cell", _before_cell)  # IPython registers a function once
        kernel().events.register("post_run_cell", _after_cell)
    former_error = store.tags(run.id).get("error", "")
    heartbeat.begin(run.id)
    if name in machine.WATCHED:
        machine.begin(run.id, run.resumed, machine.FIRST.get(name, ""))
    if run.resumed:
        # MLflow keeps the parameters of the first start: tags tell the new ones. They come before
        # the status, since they name the process that has the run now.
        changeable = CHANGEABLE_ON_RESUME & set(values)
        run.tags(tags | {f"resumed_{key}": values[key] for key in changeable})
        run.reopen()
    else:
        run.parameters(values)
    # With their types, which MLflow's texts have lost: `store.parameters` reads this file.
    run.text("parameters.json", json.dumps(values, indent=2))
    run.text("packages.txt", provenance.installed_packages())
    echo(f"{name}: run {run.name} ({run.id}){' goes on' if run.resumed else ''}")
    if former_error:
        echo(f"it had ended: {former_error}")
    for line in p.start_lines:
        echo(line)
    return run, p


def close_dead_runs() -> None:
    """Close as KILLED the runs that dead processes left RUNNING.

    A process of another machine is dead if it gave no sign of life for five minutes.
    """
    client = store.client()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    for run in client.search_runs(experiments, "attributes.status = 'RUNNING'", max_results=1000):
        tags = run.data.tags
        if "pid" in tags and not provenance.is_alive(tags):
            _close_killed(run)


def _parameters(
    name: str, model: type[Parameters], given: dict[str, Any] | None, typed: dict[str, Any]
) -> tuple[Parameters, str | None]:
    """The parameters, and the id of the run to go on with; None for a new run."""
    global _given
    chosen = set(given or {})
    if given is None and kernel():
        variables = kernel().user_ns
        given, chosen = given_in_notebook(model, variables, variables["In"], _given)
        # As typed: papermill has made numbers of names by now.
        given |= {key: value for key, value in typed.items() if key in chosen}
        _given = given
    p = build(model, given or {})
    if not getattr(p, "resume", ""):
        return p, None
    try:
        resumed_id = _resumable(p.resume, name)
        stored = store.parameters(resumed_id)
    except NoRunError as error:
        raise ParameterError(f"resume = {p.resume!r}: {error}") from None
    values = p.model_dump()
    # A default that differs from the stored value was not chosen, so it asks for nothing.
    problems = [
        f"{key} = {values[key]!r}: the resumed run keeps its {stored.get(key)!r};"
        f" leave {key} out, or start a new run"
        for key in model.model_fields
        if key in chosen - CHANGEABLE_ON_RESUME and values[key] != stored.get(key)
    ]
    if problems:
        raise ParameterError("\n".join(problems))
    new = {key: values[key] for key in CHANGEABLE_ON_RESUME & chosen}
    # Checked once more: the new values must go with the stored ones.
    return build(model, stored | new), resumed_id


def _resumable(which: str, experiment: str) -> str:
    """The id of the run to resume: `latest` or an id."""
    # Of any status, other than in `store.find`: a run that failed or was killed can go on.
    if which == "latest":
        runs = [run for run in store.newest_first(experiment) if "refused" not in run.data.tags]
        if not runs:
            raise NoRunError(f"no run of {experiment} in {store.uri()}")
        run = runs[0]
    else:
        run = store.by_id(which, experiment)
    # Two processes must not log into one run.
    if run.info.status == "RUNNING":
        tags, run_id = run.data.tags, run.info.run_id
        elsewhere = tags.get("host") != socket.gethostname()
        is_unknown = elsewhere and heartbeat.age_s(tags) is None
        if not (is_unknown and which == run_id):
            hint = f"; if it does not, name it: resume = {run_id}" if is_unknown else ""
            raise NoRunError(f"run {run_id} still runs: {provenance.process_text(tags)}{hint}")
        _close_killed(run)
    return run.info.run_id


def _close_killed(run) -> None:
    """Close a run whose process is gone."""
    process = provenance.process_text(run.data.tags)
    store.client().set_terminated(run.info.run_id, "KILLED")
    error = f"{process}, was killed before it could log an error"
    store.client().set_tag(run.info.run_id, "error", error)


def _create(experiment: str, name: str, tags: dict[str, str]) -> str:
    return store.client().create_run(experiment, run_name=name, tags=tags).info.run_id


def _before_cell(info) -> None:
    if _is_unfinished() and not _current.is_open:
        _current.reopen()


def _after_cell(result) -> None:
    # A SyntaxError comes before the execution.
    error = result.error_before_exec or result.error_in_exec
    if _is_unfinished() and error is not None:
        _current.fail(error)


def _is_unfinished() -> bool:
    """Whether this process has a run that has not reached its last cell."""
    return _current is not None and _current.outcome != "FINISHED"
