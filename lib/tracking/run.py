"""One MLflow run while it is recorded: its metrics, tags, artifacts, and how it ends."""

import asyncio
import json
import math
import time
import traceback
from pathlib import Path
from typing import Any

from lib.runtime.progress import echo
from lib.tracking import artifacts, heartbeat, links, machine, pairs, server, shown, store
from lib.tracking.notebook import Notebook

MAX_TAG_LENGTH = 5000  # letters; MLflow refuses longer tags


class Refused(Exception):  # noqa: N818 (a verdict)
    """What the notebook made must not be used; the message names each problem."""


class Run:
    """A run that is recorded. `session.start` creates it.

    Attributes:
        id: of the MLflow run.
        name: of the MLflow run.
        resumed: whether it goes on where an earlier process stopped.
        last_step: highest step at which that process logged a `train/` metric; -1 without one.
        is_open: whether it has the status RUNNING.
        outcome: status that it gets when it is left: KILLED until a cell failed or it is finished.
    """

    def __init__(self, run_id: str, notebook: Notebook | None = None, resumed: bool = False):
        run = store.client().get_run(run_id)
        self.id = run_id
        self.name = run.info.run_name
        self.resumed = resumed
        self.is_open = True
        self.outcome = "KILLED"
        self._notebook = notebook or Notebook()
        # A resumed run counts on from here.
        self._n_nonfinite = int(run.data.metrics.get("nonfinite", 0))
        # For each metric, since not all of them are logged at the same steps.
        self._last_steps = {key: _last_step(run_id, key) for key in run.data.metrics}
        train_steps = [step for key, step in self._last_steps.items() if key.startswith("train/")]
        self.last_step = max(train_steps, default=-1)

    def parameters(self, values: dict[str, Any]) -> None:
        """Log the parameters of a new run. MLflow keeps them for good, so this is called once."""
        # MLflow keeps text. As JSON a value looks the way it does in a file of parameters.
        texts = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in values.items()
        }
        self._log(params=texts)

    def metrics(self, values: dict[str, Any], step: int | None = None) -> None:
        """Log numbers, all in one call.

        NaN and infinite values are left out; the metric `nonfinite` counts them. A resumed run
        leaves out the steps that it has logged before.

        Args:
            values: by name. Names are letters, digits and `_ . / -`, e.g. `valid/lsd_db`.
            step: of the training; None for values of the whole run.
        """
        values = {key: float(value) for key, value in values.items()}
        # MLflow would append: with two values at one step the curve runs back and forth.
        if step is not None:
            values = {
                key: value for key, value in values.items() if step > self._last_steps.get(key, -1)
            }
        finite = {key: value for key, value in values.items() if math.isfinite(value)}
        if len(finite) < len(values):
            self._n_nonfinite += len(values) - len(finite)
            finite["nonfinite"] = self._n_nonfinite
        self._log(metrics=finite, step=step or 0)
        if step is not None:
            self._last_steps |= dict.fromkeys(values, step)

    def tags(self, values: dict[str, Any]) -> None:
        """Label the run, e.g. with the hash of the pairs that it uses."""
        self._log(tags=values)

    def dataset(
        self,
        corpus: str,
        sha256: str,
        split: str,
        columns: dict[str, str] | None = None,
        profile: dict[str, Any] | None = None,
    ) -> None:
        """Name the pairs that the run uses: as tags, as a dataset of MLflow, and as a link.

        The link leads to the run that prepared them. The runs table shows datasets, and filters
        by them, as in `dataset.name = 'demo'`.

        Args:
            corpus: its folder below `runs/pairs`.
            sha256: of its manifest.
            split: the part that is used, e.g. test.
            columns: the type of each column of the manifest, in MLflow's words, e.g. double.
            profile: what the corpus holds, e.g. `num_rows`. MLflow keeps both with the first run
                of an experiment that uses these pairs, so they describe all splits.
        """
        self.tags({"corpus": corpus, "manifest_sha256": sha256})
        pairs.log_dataset(self.id, corpus, sha256, split, columns or {}, profile or {})
        # The embedded corpus may be made without a run.
        made = pairs.prepared_by(sha256)
        if made and made != self.id:
            links.connect(self.id, made)

    @property
    def source_run(self) -> str:
        """The id that `source` got; "" if `source` was not called."""
        return store.tags(self.id).get("source_run", "")

    def source(self, run_id: str) -> None:
        """Name the run that this one builds on, in the tag `source_run`, and link them.

        (MLflow's parent is another relation: that of a sweep and its points.)
        """
        name = store.client().get_run(run_id).info.run_name
        self.tags({"source_run": run_id, "source_run_name": name})
        links.connect(self.id, run_id)

    def text(self, path: str, text: str) -> None:
        """Store `text` as the artifact `path`."""
        artifacts.keep_text(self.id, path, text)

    def file(self, path: str | Path, folder: str = "") -> None:
        """Store a copy of a file as an artifact, in the artifacts' `folder`.

        Raises:
            OSError: the disk is full; the error names the artifact.
        """
        artifacts.keep_file(self.id, path, folder)

    def figure(self, name: str, figure) -> None:
        """Store a matplotlib figure as `figures/<name>.png`, show it, and close it."""
        shown.show_figure(self.id, name, figure)

    def table(self, name: str, table) -> None:
        """Store a pandas table as `tables/<name>.csv`, and show its first rows."""
        shown.show_table(self.id, name, table)

    def html(self, name: str, page: str) -> None:
        """Store a page as `<name>.html`. MLflow shows it, so it must not need other files."""
        self.text(f"{name}.html", page)

    def verdict(self, problems: list[str]) -> None:
        """Say whether what the notebook made may be used: it may if there are no `problems`.

        Call it after all figures, since an error ends the notebook.

        Raises:
            Refused: there are problems.
        """
        word = "refused" if problems else "passed"
        # Recorded before the error, which closes the run.
        self.tags({"verdict": word, "n_problems": len(problems)})
        text = "\n".join([f"verdict: {word}", *problems])
        self.text("verdict.txt", text + "\n")
        echo(text)
        if problems:
            raise Refused("; ".join(problems))

    def finish(self) -> None:
        """Close the run as FINISHED, with the notebook as executed so far. For the last cell."""
        self.end("FINISHED")
        echo(f"run {self.name} ({self.id}) is FINISHED")

    def fail(self, error: BaseException) -> None:
        """Close the run as KILLED if its user stopped it, else as FAILED.

        If its server was waited for in vain, it stays open there, and is closed when the next
        notebook starts.
        """
        if server.has_given_up(error):
            heartbeat.end(self.id)
            self.is_open, self.outcome = False, "FAILED"
            echo(
                f"{store.uri()} does not answer, so the run {self.id} could not be closed. When it"
                f" answers again, a training goes on from its last checkpoint: resume {self.id}"
            )
            return
        # Code that awaits something gets an interrupt as CancelledError.
        was_stopped = isinstance(error, (KeyboardInterrupt, asyncio.CancelledError))
        self.end("KILLED" if was_stopped else "FAILED", error)

    def end(self, status: str, error: BaseException | None = None) -> None:
        """Close the run with `status`, the traceback of `error` and the notebook as executed."""
        # The notebook comes before the status: a FINISHED run has all its artifacts.
        if status == "FINISHED":
            self._store_notebook()
            # An earlier cell may have failed and been corrected since.
            if "error" in store.client().get_run(self.id).data.tags:
                store.client().delete_tag(self.id, "error")
        machine.end(self.id)
        # Status first: a kernel that is stopped may have no more than a second left.
        store.client().set_terminated(self.id, status)
        heartbeat.end(self.id)
        self.is_open = False
        self.outcome = status
        if error is not None:
            self.tags({"error": f"{type(error).__name__}: {error}"[:MAX_TAG_LENGTH]})
            self.text("traceback.txt", "".join(traceback.format_exception(error)))
        if status != "FINISHED":
            self._store_notebook()

    def reopen(self) -> None:
        """Give a run that was closed the status RUNNING again."""
        # A sign of life first: a run that is RUNNING without one is closed by other machines.
        heartbeat.begin(self.id)
        heartbeat.send()
        store.client().update_run(self.id, status="RUNNING")
        self.is_open = True

    def _log(
        self,
        metrics: dict[str, float] | None = None,
        params: dict[str, str] | None = None,
        tags: dict[str, Any] | None = None,
        step: int = 0,
    ) -> None:
        # Imported here, since MLflow takes seconds to import.
        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1000)  # ms
        # One call: twenty numbers in twenty calls take six times as long or more.
        store.client().log_batch(
            self.id,
            metrics=[Metric(key, value, now, step) for key, value in (metrics or {}).items()],
            params=[Param(key, value) for key, value in (params or {}).items()],
            tags=[RunTag(key, str(value)) for key, value in (tags or {}).items()],
        )

    def _store_notebook(self) -> None:
        """Store the notebook and its HTML as last saved; papermill saves before each cell."""
        path = self._notebook.path
        if path is None:
            return
        try:
            shown.keep_notebook(self.id, path)
        except Exception as error:  # a missing page must not hide how the run ended
            self.tags({"notebook_error": f"{type(error).__name__}: {error}"[:MAX_TAG_LENGTH]})


def _last_step(run_id: str, key: str) -> int:
    return max(value.step for value in store.client().get_metric_history(run_id, key))
