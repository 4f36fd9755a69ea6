"""One MLflow run for each run of a notebook: parameters, versions, metrics, figures, and how it ended.

The second cell of a notebook calls `start`. From then on IPython's cell events close the run when a cell fails or is
interrupted, and open it again when the reader of a JupyterLab notebook goes on; the last cell calls `Run.finish`.
"""

import json
import os
from typing import Any

from lib.config.base import ParameterError, Parameters, build
from lib.config.notebook import given_in_notebook
from lib.runtime.progress import echo, kernel
from lib.tracking import provenance, store
from lib.tracking.run import Run
from lib.tracking.store import NoRunError, parameters

CHANGEABLE_ON_RESUME = {"epochs", "resume"}  # what a resumed run may be given anew
_current: "Run | None" = None  # the run of this process, the last that began


def start(
    name: str, model: type[Parameters], given: dict[str, Any] | None = None
) -> tuple["Run", Any]:
    """Begin the run of notebook `name`, or go on with the one that its parameter `resume` names.

    Args:
        name: of the notebook, and of its MLflow experiment.
        model: its parameters, see `lib.config.base`.
        given: their values; None takes them from the notebook that this is called in.

    Returns: the run and the parameters.

    Raises:
        ParameterError: the parameters are refused. The run is there all the same, FAILED, with the message.
    """
    global _current
    if _unfinished():  # the second cell again
        _current._end(_current.left_as)
    _current = None
    experiment, running = store.experiment(name), provenance.notebook()
    close_dead_runs()
    try:
        p, old = _parameters(name, model, given)
    except Exception as error:
        tags = provenance.run_tags(name, running) | {"refused": "true"}
        Run(_create(experiment, "refused", tags), running).fail(error)
        raise error.with_traceback(None) from None

    tags = provenance.run_tags(name, running) | {
        "device": provenance.device_name(getattr(p, "device", "cpu"))
    }
    values = p.model_dump()
    title = os.environ.get(provenance.RUN_NAME_VARIABLE) or provenance.run_title(
        values, model().model_dump(), running.params_files
    )
    noted = tags | {"mlflow.note.content": provenance.run_note(name, title, running)}
    _current = run = Run(old or _create(experiment, title, noted), running, resumed=old is not None)
    if kernel():
        kernel().events.register("pre_run_cell", _before_cell)  # IPython registers a function once
        kernel().events.register("post_run_cell", _after_cell)
    if run.resumed:
        run._open_again()
        run.tags(
            tags | {f"resumed_{key}": values[key] for key in CHANGEABLE_ON_RESUME & set(values)}
        )  # MLflow keeps the first ones
    else:
        run._log(
            params={
                key: value if isinstance(value, str) else json.dumps(value)
                for key, value in values.items()
            }
        )
    run.text("parameters.json", json.dumps(values, indent=2))
    run.text("packages.txt", provenance.installed_packages())
    echo(f"{name}: run {run.name} ({run.id}){' goes on' if run.resumed else ''}")
    return run, p


def _parameters(name: str, model: type[Parameters], given: dict | None) -> tuple[Any, str | None]:
    """The parameters, and the id of the run to go on with."""
    chosen = set(given or {})
    if given is None and kernel():
        given, chosen = given_in_notebook(model, kernel().user_ns, kernel().user_ns["In"])
    p = build(model, given or {})
    if not getattr(p, "resume", ""):
        return p, None
    try:
        old = _resumable(p.resume, name)
        kept = parameters(old)
    except NoRunError as error:
        raise ParameterError(f"resume = {p.resume!r}: {error}") from None
    new = p.model_dump()
    problems = [
        f"{key} = {new[key]!r}: the resumed run keeps its {kept.get(key)!r}; leave {key} out, or start a new run"
        for key in model.model_fields
        if key in chosen - CHANGEABLE_ON_RESUME and new[key] != kept.get(key)
    ]
    if problems:
        raise ParameterError("\n".join(problems))
    return build(model, kept | {key: new[key] for key in CHANGEABLE_ON_RESUME & chosen}), old


def _resumable(which: str, experiment: str) -> str:
    if which == "latest":
        runs = [run for run in store.newest_first(experiment) if "refused" not in run.data.tags]
        if not runs:
            raise NoRunError(f"no run of {experiment} in {store.uri()}")
        run = runs[0]
    else:
        run = store.by_id(which, experiment)
    if run.info.status == "RUNNING":
        tags = run.data.tags
        raise NoRunError(
            f"run {run.info.run_id} still runs: process {tags.get('pid')} on {tags.get('host')}"
        )
    return run.info.run_id


def _create(experiment: str, name: str, tags: dict[str, str]) -> str:
    return store.client().create_run(experiment, run_name=name, tags=tags).info.run_id


def close_dead_runs() -> None:
    """Close as KILLED what a process of this machine left RUNNING when it died."""
    client = store.client()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    for run in client.search_runs(experiments, "attributes.status = 'RUNNING'", max_results=1000):
        tags = run.data.tags
        if "pid" in tags and not provenance.is_alive(tags):
            client.set_terminated(run.info.run_id, "KILLED")
            client.set_tag(
                run.info.run_id,
                "error",
                f"process {tags['pid']} was killed before it could say anything",
            )


def _before_cell(info) -> None:
    if _unfinished() and not _current.is_open:
        _current._open_again()


def _after_cell(result) -> None:
    error = result.error_before_exec or result.error_in_exec
    if _unfinished() and error is not None:
        _current.fail(error)


def _unfinished() -> bool:
    """Whether this process has a run that has not reached its last cell."""
    return _current is not None and _current.left_as != "FINISHED"
