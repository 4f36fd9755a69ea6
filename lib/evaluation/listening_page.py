"""The listening page: scores, pictures and players of a run in one HTML file."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from lib.corpus.manifest import snr_text
from lib.evaluation import summary, vetoes
from lib.evaluation.html_page import fill_page
from lib.figures import players, spectrograms
from lib.figures.base import COLOURS, CYCLE, png
from lib.metrics import labels

PAGE_SECONDS = 8.0  # of each player; MLflow shows no file above 50 MB
PICTURE_DPI = 100
ITEM_SCORES = (  # what fits beside a player, in the order of the parts
    *("distillmos", "dnsmos_p808", "visqol", "speaker_similarity", "phone_error"),
    *("pause_level_db", "colour_db", "lsd_db", "pesq"),
)
PART_TITLE = {name: title for title, names in summary.GROUPS.items() for name in names}


def page(
    title: str,
    table: pd.DataFrame,
    scores: pd.DataFrame,
    items: Iterable[tuple[dict, Mapping[str, np.ndarray]]],
    plots: Mapping[str, Figure],
    sample_rate: int,
    note: str = "",
    seconds: float = PAGE_SECONDS,
    found: Sequence[str] | None = None,
) -> str:
    """One self-contained HTML page: it plays from disk, from a mail and inside MLflow's frame.

    Args:
        title: heading of the page, e.g. the name of the corpus.
        table: the `summary` of all items.
        scores: the long table of scores; each item's own scores are taken from it.
        items: pairs of a row and its signals, as for `lib.metrics.batch.score_table`.
        plots: caption -> figure.
        sample_rate: of all signals, Hz.
        note: a paragraph below the title, e.g. corpus and checkpoint.
        seconds: length of each player; 8 s of one item take about 2 MB.
        found: the vetoes, which come first; None: nobody looked for them.
    """
    report = [f"<p>{players.escape(note)}</p>" if note else ""]
    report += [vetoes_html(found) if found is not None else "", summary_html(table)]
    report += [_figure(figure, caption) for caption, figure in plots.items()]
    sections = [_item(row, signals, scores, sample_rate, seconds) for row, signals in items]
    return fill_page(
        "listening_page",
        title=players.escape(title),
        report="\n".join(report),
        items="\n".join(sections),
    )


def vetoes_html(found: Sequence[str]) -> str:
    """Vetoes as a list below their number."""
    lines = "".join(f"<li>{players.escape(text)}</li>" for text in found)
    return f'<div class="vetoes"><strong>{vetoes.headline(found)}</strong><ul>{lines}</ul></div>'


def summary_html(table: pd.DataFrame) -> str:
    """A `summary` as an HTML table, with a line above each of its parts.

    In a narrow window it scrolls by itself: lines of text would be wrapped, and columns lost.
    """
    head, *_ = summary.cells(table)
    columns = "".join(f"<th>{players.escape(name)}</th>" for name in head)
    rows = ""
    for title, part in summary.sections(table).items():
        text = players.escape(title)
        rows += f'<tr><th colspan="{len(head)}" style="text-align: left">{text}</th></tr>'
        for name, *values in summary.cells(part)[1:]:
            rows += f"<tr><th>{players.escape(name)}</th>{_cells(values)}</tr>"
    caption = players.escape(summary.headline(table))
    table_html = f"<caption>{caption}</caption><tr>{columns}</tr>{rows}"
    return f'<div style="overflow-x: auto"><table class="scores">{table_html}</table></div>'


def _item(
    row: dict,
    signals: Mapping[str, np.ndarray],
    scores: pd.DataFrame,
    sample_rate: int,
    seconds: float,
) -> str:
    """One item: a player and the scores of each system, and their spectrograms."""
    n_samples = round(seconds * sample_rate)
    excerpts = {name: np.asarray(signal)[:n_samples] for name, signal in signals.items()}
    # The scores of the whole item; the players may hold less of it.
    item_scores = scores[scores["item_id"] == row["item_id"]].set_index("system")
    metrics = [name for name in ITEM_SCORES if name in item_scores]
    head = "".join(f"<th>{players.escape(labels.label(name))}</th>" for name in metrics)
    spans = [(part, len(list(names))) for part, names in groupby(metrics, PART_TITLE.get)]
    parts = "".join(f'<th colspan="{n}">{players.escape(part)}</th>' for part, n in spans)
    lines = ""
    # The keys 1, 2, ... of the page switch between systems in this order.
    for key, system in enumerate(excerpts, start=1):
        cells = [""] * len(metrics)
        if system in item_scores.index:
            cells = [labels.number(item_scores.at[system, name], name) for name in metrics]
        # 16 bits make the page a third smaller; their noise lies 98 dB down.
        player = players.player(
            excerpts[system], sample_rate, f"{row['item_id']} {system}", "PCM_16"
        )
        swatch = f'<i style="background:{COLOURS.get(system, CYCLE[2])}"></i>'
        lines += f"<tr><th><kbd>{key}</kbd> {swatch} {system}</th>"
        lines += f"<td>{player}</td>{_cells(cells)}</tr>\n"
    picture = spectrograms.spectrograms(
        excerpts, sample_rate, bandwidth_hz=row.get("bandwidth_hz"), max_seconds=seconds
    )
    return (
        f'<section class="item" tabindex="0"><h3>{players.escape(row["item_id"])} '
        f"<small>{players.escape(_origin(row))}</small></h3>"
        f'<table><tr><th colspan="2"></th>{parts}</tr>\n<tr><th></th><th></th>{head}</tr>\n'
        f"{lines}</table>{_figure(picture)}</section>"
    )


def _origin(row: dict) -> str:
    """The item's SNR, speaker and noise, as far as they are known.

    >>> _origin({"snr_db": 5.0, "noise": "rain"})
    'SNR 5 dB, rain'
    """
    snr = snr_text(row) if "snr_db" in row else ""
    snr = f"SNR {snr}" if snr.endswith("dB") else snr
    parts = [snr, row.get("speaker", ""), row.get("noise", "")]
    return ", ".join(str(part) for part in parts if part)


def _figure(figure: Figure, caption: str = "") -> str:
    """A figure as an image inside the page."""
    picture = Image.open(io.BytesIO(png(figure, dpi=PICTURE_DPI))).convert("RGB")
    # A palette of 256 colours makes a picture of four spectrograms a quarter of its size.
    palette = picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    palette.save(file, "png", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    text = players.escape(caption)
    title = f"<figcaption>{text}</figcaption>" if caption else ""
    return f'<figure>{title}<img alt="{text}" src="data:image/png;base64,{data}"></figure>'


def _cells(texts: Sequence[str]) -> str:
    return "".join(f"<td>{players.escape(text)}</td>" for text in texts)
