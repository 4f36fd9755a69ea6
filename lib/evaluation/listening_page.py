"""What it did to the voice, to see and to hear: players, and one HTML page that holds them with scores and pictures.

Scores come as the long table of `lib.evaluation.summary`. `python -m lib.listening` shows where the newest listening run left its
table and its page.
"""

import base64
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from lib.evaluation import summary
from lib.figures import players, spectrograms
from lib.figures.base import COLOURS, CYCLE, png
from lib.metrics import labels, registry

PAGE_SECONDS = 8.0  # of each player on the page; MLflow shows no file above 50 MB


def as_html(table: pd.DataFrame) -> str:
    """A `summary` as an HTML table."""
    head, *body = summary.cells(table)
    rows = "".join(f"<tr><th>{players.escape(line[0])}</th>{_tds(line[1:])}</tr>" for line in body)
    columns = "".join(f"<th>{players.escape(name)}</th>" for name in head)
    return f'<table class="scores"><caption>{players.escape(summary.headline(table))}</caption><tr>{columns}</tr>{rows}</table>'


def page(
    title: str,
    table: pd.DataFrame,
    scores: pd.DataFrame,
    items: Iterable[tuple[dict, Mapping[str, np.ndarray]]],
    plots: Mapping[str, Figure],
    sample_rate: int,
    note: str = "",
    seconds: float = PAGE_SECONDS,
) -> str:
    """One self-contained HTML page: it plays from disk, from a mail and inside MLflow's sandboxed frame.

    Args:
        title: the run.
        table: the `summary` of all items.
        scores: the long table of scores; the items' own scores are taken from it.
        items: pairs of a row and its signals, as for `scoring.score_table`.
        plots: caption -> figure.
        note: a paragraph below the title, e.g. corpus and checkpoint.
        seconds: of each item that are shown; 8 s of one take about 2 MB.
    """
    parts = [
        f"<h1>{players.escape(title)}</h1>",
        f"<p>{players.escape(note)}</p>" if note else "",
        as_html(table),
    ]
    parts += [_image(figure, caption) for caption, figure in plots.items()]
    parts += ["<h2>Listen</h2>", HELP]
    parts += [_item(row, signals, scores, sample_rate, seconds) for row, signals in items]
    return PAGE.format(
        title=players.escape(title), style=STYLE, body="\n".join(parts), script=SCRIPT
    )


def _item(
    row: dict,
    signals: Mapping[str, np.ndarray],
    scores: pd.DataFrame,
    sample_rate: int,
    seconds: float,
) -> str:
    short = {
        name: np.asarray(signal)[: round(seconds * sample_rate)] for name, signal in signals.items()
    }
    own = scores[scores["item_id"] == row["item_id"]].set_index("system")
    shown = [name for name in registry.NAMES if name in own]
    head = "".join(f"<th>{players.escape(labels.label(name))}</th>" for name in shown)
    lines = ""
    for key, name in enumerate(short, start=1):
        cells = [
            labels.number(own.at[name, metric], metric) if name in own.index else ""
            for metric in shown
        ]
        # 16 bits: a third smaller, and its noise is 98 dB down
        tag = players.player(short[name], sample_rate, f"{row['item_id']} {name}", "PCM_16")
        swatch = f'<i style="background:{COLOURS.get(name, CYCLE[2])}"></i>'
        lines += f"<tr><th><kbd>{key}</kbd> {swatch} {name}</th><td>{tag}</td>{_tds(cells)}</tr>\n"
    about = [
        f"SNR {row['snr_db']:.1f} dB" if "snr_db" in row else "",
        row.get("speaker", ""),
        row.get("noise", ""),
    ]
    picture = spectrograms.spectrograms(
        short, sample_rate, bandwidth_hz=row.get("bandwidth_hz"), max_seconds=seconds
    )
    return (
        f'<section class="item" tabindex="0"><h3>{players.escape(row["item_id"])} '
        f"<small>{players.escape(', '.join(str(part) for part in about if part))}</small></h3>"
        f"<table><tr><th></th><th></th>{head}</tr>\n{lines}</table>{_image(picture)}</section>"
    )


def _image(figure: Figure, caption: str = "") -> str:
    # a palette of 256 colours makes the picture of four spectrograms four times as small
    file = io.BytesIO()
    picture = Image.open(io.BytesIO(png(figure, dpi=100))).convert("RGB")
    picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        file, "png", optimize=True
    )
    data = base64.b64encode(file.getvalue()).decode()
    text = f"<figcaption>{players.escape(caption)}</figcaption>" if caption else ""
    return f'<figure>{text}<img alt="{players.escape(caption)}" src="data:image/png;base64,{data}"></figure>'


def _tds(cells: Sequence[str]) -> str:
    return "".join(f"<td>{players.escape(cell)}</td>" for cell in cells)


HELP = """<p>The keys <kbd>1</kbd>, <kbd>2</kbd>, ... switch between the signals of the framed item at the same place;
<kbd>space</kbd> pauses. Levels are those of the files.</p>"""
STYLE = """
:root { color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif; --line: rgba(128, 128, 128, .35); }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
caption { text-align: left; padding-bottom: .4rem; opacity: .75; }
th { font-weight: 600; text-align: right; } tr > th:first-child { text-align: left; white-space: nowrap; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); }
td { font-family: ui-monospace, monospace; font-size: .9rem; text-align: right; white-space: nowrap; }
section th:not(:first-child) { font-size: .8rem; }
section { border: 2px solid var(--line); border-radius: .5rem; padding: 0 1rem 1rem; margin: 1.5rem 0; }
section { overflow-x: auto; }
section.active { border-color: #0072b2; } section tr.current { background: rgba(86, 180, 233, .25); }
figure { margin: 1rem 0; } img { max-width: 100%; } audio { height: 2.2rem; vertical-align: middle; }
h3 { margin: .8rem 0 .2rem; } small { font-weight: 400; opacity: .75; }
kbd { border: 1px solid var(--line); border-radius: .2rem; padding: 0 .35rem; font-family: ui-monospace, monospace; }
i { display: inline-block; width: .7rem; height: .7rem; border: 1px solid gray; border-radius: 50%; }
section kbd { cursor: pointer; }
"""
SCRIPT = """
const items = [...document.querySelectorAll("section.item")].map(section => (
  {section, players: [...section.querySelectorAll("audio")], current: 0}));
let active = items[0];
function mark(item, current) {
  active = item;
  item.current = current;
  items.forEach(other => other.section.classList.toggle("active", other === item));
  item.players.forEach((p, i) => p.closest("tr").classList.toggle("current", i === current));
}
function change(item, next) {
  const old = item.players[item.current];
  if (item.players[next] !== old) old.pause();
  const at = old.ended ? 0 : old.currentTime;
  mark(item, next);
  if (item.players[next] !== old) item.players[next].currentTime = at;
  item.players[next].play();
}
items.forEach(item => {
  item.section.addEventListener("focusin", () => mark(item, item.current));
  item.section.addEventListener("pointerdown", () => mark(item, item.current));
  item.players.forEach((p, i) => {
    p.closest("tr").querySelector("kbd").addEventListener("click", () => change(item, i));
    p.addEventListener("play", () => {
      items.forEach(other => other.players.forEach(q => q === p || q.pause()));
      mark(item, i);
    });
  });
});
document.addEventListener("keydown", event => {
  if (!active || event.ctrlKey || event.altKey || event.metaKey) return;
  const player = active.players[active.current];
  if (active.players[event.key - 1]) change(active, event.key - 1);
  else if (event.key === " ") player.paused ? player.play() : player.pause();
  else return;
  event.preventDefault();
});
if (active) mark(active, 0);
"""
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{style}</style></head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""


def main() -> None:
    """Print the newest listening run's table, the path of its page and how to see the rest."""
    from lib.tracking import store

    try:
        run_id = store.find("latest", experiment="listen")
        scores = store.download(run_id, "scores.txt").read_text(encoding="utf-8")
        path = store.download(run_id, "listening.html").resolve()
    except store.NoRunError as error:
        sys.exit(str(error))
    here = Path.cwd().resolve()
    print(f"{scores.rstrip()}\n")
    print(f"open in a browser  {path.relative_to(here) if path.is_relative_to(here) else path}")
    print("all runs           make ui")


if __name__ == "__main__":
    main()
