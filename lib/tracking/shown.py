"""What the notebook shows, and its run keeps: figures, tables, and the executed notebook itself."""

import io
import logging
import sys
import tempfile
from pathlib import Path

from lib.runtime.kernel import kernel
from lib.tracking import artifacts

DPI = 150
MAX_ROWS = 12  # of a table that are shown


def show_figure(run_id: str, name: str, figure) -> None:
    """Keep a matplotlib figure as `figures/<name>.png`, show it, and close it."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI)
    # MLflow calls an artifact by the name of the file that it copies.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.png")
        path.write_bytes(data.getvalue())
        artifacts.keep_file(run_id, path, "figures")
    if "matplotlib.pyplot" in sys.modules:
        # pyplot would show an open figure a second time at the end of the cell.
        sys.modules["matplotlib.pyplot"].close(figure)
    if kernel():
        from IPython.display import Image, display

        display(Image(data.getvalue(), alt=name, width=round(100 * figure.get_figwidth())))


def show_table(run_id: str, name: str, table) -> None:
    """Keep a pandas table as `tables/<name>.csv`, and show its first rows."""
    path = f"tables/{name}.csv"
    # An index without a name only counts the rows.
    has_index = table.index.nlevels > 1 or table.index.name is not None
    artifacts.keep_text(run_id, path, table.to_csv(index=has_index))
    if kernel():
        from IPython.display import display

        display(table.head(MAX_ROWS))
        if len(table) > MAX_ROWS:
            print(f"{MAX_ROWS} of {len(table)} rows; all are in {path} of the run")


def keep_notebook(run_id: str, path: Path) -> None:
    """Keep a notebook and its HTML as last saved, in `notebook`; papermill saves before each cell.

    Raises:
        Exception: whatever nbconvert raises for a notebook that it cannot read.
    """
    from nbconvert import HTMLExporter

    log = logging.getLogger("nbconvert")
    log.setLevel(logging.ERROR)  # it warns of images without a description
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        # Read once, so that both artifacts agree: papermill goes on saving the notebook.
        copy.write_bytes(path.read_bytes())
        artifacts.keep_file(run_id, copy, "notebook")
        page, _ = HTMLExporter(log=log).from_filename(str(copy))
    artifacts.keep_text(run_id, f"notebook/{path.stem}.html", page)
