"""One MLflow run while it is being recorded."""

import asyncio
import io
import logging
import math
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from lib.runtime.progress import echo, kernel
from lib.tracking import provenance, store

MAX_ROWS_SHOWN = 12


class Refused(Exception):  # noqa: N818 (a verdict)
    """The notebook did its work, and what it found must not be built upon; the message names each problem."""


class Run:
    """A run that is being recorded. `start` makes it.

    Attributes:
        id, name: of the MLflow run.
        resumed: it goes on where an earlier process stopped.
        last_step: the highest step at which that process logged a `train/` metric; -1 if there is none.
    """

    def __init__(
        self, run_id: str, notebook: provenance.Notebook | None = None, resumed: bool = False
    ):
        run = store.client().get_run(run_id)
        self.id, self.name, self.resumed = run_id, run.info.run_name, resumed
        self.is_open, self.left_as = (
            True,
            "KILLED",
        )  # left_as: its state if a new run takes its place
        self._notebook, self._nonfinite = (
            notebook or provenance.Notebook(),
            int(run.data.metrics.get("nonfinite", 0)),
        )
        histories = {
            key: store.client().get_metric_history(run_id, key) for key in run.data.metrics
        }
        self._logged = {
            key: max(value.step for value in history) for key, history in histories.items()
        }
        self.last_step = max(
            (step for key, step in self._logged.items() if key.startswith("train/")), default=-1
        )

    def metrics(self, values: dict[str, Any], step: int | None = None) -> None:
        """Log numbers, all in one call. Names are letters, digits and `_ . / -`, e.g. `valid/lsd_db`.

        NaN and infinite values are left out; the metric `nonfinite` counts them. A resumed run leaves out what it has:
        a step up to the last one of that metric. Without `step` the values stand for the whole run.
        """
        values = {key: float(value) for key, value in values.items()}
        if step is not None:
            values = {
                key: value for key, value in values.items() if step > self._logged.get(key, -1)
            }
        finite = {key: value for key, value in values.items() if math.isfinite(value)}
        if len(finite) < len(values):
            self._nonfinite += len(values) - len(finite)
            finite["nonfinite"] = self._nonfinite
        self._log(metrics=finite, step=step or 0)
        if step is not None:
            self._logged |= dict.fromkeys(values, step)

    def tags(self, values: dict[str, Any]) -> None:
        """Label the run, e.g. with the hash of what it was made from."""
        self._log(tags=values)

    @property
    def source_run(self) -> str:
        """The id that `source` was told; empty if it was not."""
        return store.tags(self.id).get("source_run", "")

    def source(self, run_id: str) -> None:
        """Name the run that this one builds on, in the tag `source_run`. (It is no parent: a sweep is.)"""
        self.tags(
            {"source_run": run_id, "source_run_name": store.client().get_run(run_id).info.run_name}
        )

    def text(self, path: str, text: str) -> None:
        """Keep `text` as the artifact `path`."""
        store.client().log_text(self.id, text, path)

    def file(self, path: str | Path, folder: str = "") -> None:
        """Keep a copy of a file as an artifact, in `folder` there."""
        store.client().log_artifact(self.id, str(path), folder or None)

    def figure(self, name: str, figure) -> None:
        """Keep a matplotlib figure as `figures/<name>.png`, show it in the notebook, and close it."""
        data = io.BytesIO()
        figure.savefig(data, format="png", dpi=150)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{name}.png")
            path.write_bytes(data.getvalue())
            self.file(path, "figures")
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close(figure)  # else the notebook shows it twice
        if kernel():
            from IPython.display import Image, display

            display(Image(data.getvalue(), alt=name, width=round(100 * figure.get_figwidth())))

    def table(self, name: str, table) -> None:
        """Keep a pandas table as `tables/<name>.csv`, and show its first rows in the notebook."""
        path = f"tables/{name}.csv"
        self.text(path, table.to_csv(index=table.index.nlevels > 1 or table.index.name is not None))
        if kernel():
            from IPython.display import display

            display(table.head(MAX_ROWS_SHOWN))
            if len(table) > MAX_ROWS_SHOWN:
                print(f"{MAX_ROWS_SHOWN} of {len(table)} rows; all are in {path} of the run")

    def html(self, name: str, page: str) -> None:
        """Keep a page that needs no other file as `<name>.html`; the MLflow UI shows it, and plays what is in it."""
        self.text(f"{name}.html", page)

    def verdict(self, problems: list[str]) -> None:
        """Say whether what was made may be built upon: if there are no `problems`. To be called after all figures.

        Raises:
            Refused: there are; the notebook ends here.
        """
        word = "refused" if problems else "passed"
        self.tags({"verdict": word, "n_problems": len(problems)})
        text = "\n".join([f"verdict: {word}", *problems])
        self.text("verdict.txt", text + "\n")
        echo(text)
        if problems:
            raise Refused("; ".join(problems))

    def finish(self) -> None:
        """The last cell: the run is FINISHED, and has the notebook as executed so far."""
        self._end("FINISHED")
        echo(f"run {self.name} ({self.id}) is FINISHED")

    def _log(self, metrics=None, params=None, tags=None, step: int = 0) -> None:
        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1000)  # ms
        store.client().log_batch(
            self.id,
            metrics=[Metric(key, value, now, step) for key, value in (metrics or {}).items()],
            params=[Param(key, value) for key, value in (params or {}).items()],
            tags=[RunTag(key, str(value)) for key, value in (tags or {}).items()],
        )

    def fail(self, error: BaseException) -> None:
        """Close the run: KILLED if its user stopped it, else FAILED."""
        stopped = isinstance(error, (KeyboardInterrupt, asyncio.CancelledError))
        self._end("KILLED" if stopped else "FAILED", error)

    def _end(self, status: str, error: BaseException | None = None) -> None:
        if status == "FINISHED":
            self._keep_notebook()
            if (
                "error" in store.client().get_run(self.id).data.tags
            ):  # of a cell that was put right since
                store.client().delete_tag(self.id, "error")
        store.client().set_terminated(
            self.id, status
        )  # after a stop the kernel may have a second left: this first
        self.is_open, self.left_as = False, status
        if error is not None:
            self.tags({"error": f"{type(error).__name__}: {error}"[:5000]})
            self.text("traceback.txt", "".join(traceback.format_exception(error)))
        if status != "FINISHED":
            self._keep_notebook()

    def _open_again(self) -> None:
        store.client().update_run(self.id, status="RUNNING")
        self.is_open = True

    def _keep_notebook(self) -> None:
        """Log the notebook as it was last saved (papermill does so before each cell), and as a page."""
        path = self._notebook.path
        if path is None:
            return
        try:
            from nbconvert import HTMLExporter

            logging.getLogger("nbconvert").setLevel(
                logging.ERROR
            )  # it misses descriptions of images
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder, path.name)
                copy.write_bytes(path.read_bytes())
                self.file(copy, "notebook")
                page, _ = HTMLExporter(log=logging.getLogger("nbconvert")).from_filename(str(copy))
            self.text(f"notebook/{path.stem}.html", page)
        except Exception as error:  # a page that cannot be made must not hide how the run ended
            self.tags({"notebook_error": f"{type(error).__name__}: {error}"[:5000]})
