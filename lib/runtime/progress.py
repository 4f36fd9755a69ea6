"""Progress bars and messages, in the notebook and where the command was typed.

A notebook shows a widget. Below papermill's own bar a terminal gets a bar, and a log gets a line
now and then. JupyterLab has the widget alone.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO

from tqdm import tqdm

from lib.runtime.kernel import cell_number, kernel, terminal

LINE_PERIOD = 15.0  # s between the lines of a bar in a log
NOTE_PERIOD = 1.0  # s between two notes, since a note may have to wait for a device
MANY = 50  # items, of which the first one's time foretells nothing
LINE = "{desc}: {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_open_bars: list["_Bars"] = []  # outermost first


def progress(
    iterable: Iterable,
    description: str,
    total: int | None = None,
    n_done: int = 0,
    note: Callable[[], str] | None = None,
) -> Iterator:
    """Yield the items of `iterable` and show how many of `total` are done.

    A bar within another bar disappears when it is full. The remaining time of many items is
    estimated without the first one, which compiles and loads what the others use. Of several
    training processes only the first shows bars.

    Args:
        total: number of items; by default the length of `iterable`.
        n_done: number of items of `total` that an earlier call finished.
        note: text beside the bar. It is called whenever the bar is drawn, at most once a second.

    >>> list(progress("abc", "letters"))
    ['a', 'b', 'c']
    """
    if _is_silent():
        yield from iterable
        return
    if total is None and hasattr(iterable, "__len__"):
        total = len(iterable)
    # A cell that failed in JupyterLab leaves its bars open.
    while _open_bars and _open_bars[-1].cell != cell_number():
        _open_bars.pop().close()
    bars = _Bars(description, total, n_done, note)
    _open_bars.append(bars)
    try:
        for item in iterable:
            yield item
            # An item counts when the caller has done its work and asks for the next one.
            bars.update()
    finally:
        # A later bar may have closed this one already, as a leftover of a failed cell.
        if bars in _open_bars:
            _open_bars.remove(bars)
            bars.close()


def echo(text: str) -> None:
    """Print `text` in the notebook and above the bars where the command was typed."""
    if _is_silent():
        return
    print(text, flush=True)
    file = terminal()
    # In a script `print` has reached the terminal; JupyterLab has none.
    if kernel() is None or file is None:
        return
    terminal_bars = [bars.bar for bars in _open_bars if isinstance(bars.bar, tqdm)]
    # The bars stand where the text has to go. They are drawn again below it.
    for bar in terminal_bars:
        bar.clear()
    # On a terminal over papermill's bar, which papermill draws again.
    file.write(f"\r\x1b[K{text}\n" if file.isatty() else f"{text}\n")
    file.flush()
    for bar in terminal_bars:
        bar.refresh()


def remark(text: str) -> None:
    """Print `text` on standard error, where standard output may be for samples alone."""
    # If it is closed, `print` would take standard output.
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)


class _Bars:
    """What shows one `progress`: a widget in a notebook, and a bar or lines in the terminal.

    `widget` and `bar` are None where there is none. `inner` is the widget for the bars within.
    """

    def __init__(
        self,
        description: str,
        total: int | None,
        n_done: int,
        note: Callable[[], str] | None,
    ):
        depth, file = len(_open_bars), terminal()
        settings = {
            "total": total,
            "desc": description,
            "leave": depth == 0,
            # tqdm's own number follows the speed so far: it hides a slow item after quick ones.
            "miniters": 1,
            "initial": n_done,
        }
        self.note = note
        self.note_time = 0.0
        self.cell = cell_number()
        self.leaves_out_first = total is not None and total - n_done >= MANY
        self.inner = self.widget = self.bar = None
        if kernel() is not None:
            self.widget = _widget(settings, _open_bars[-1] if _open_bars else None)
        if file is not None and file.isatty():
            position = depth + 1 if self.widget else None  # papermill's own bar has the first line
            self.bar = tqdm(
                **settings, mininterval=1.0, file=file, position=position, dynamic_ncols=True
            )
        elif file is not None:
            self.bar = _Lines(file, description, total, n_done, leave=depth == 0)

    def update(self) -> None:
        bars = [bar for bar in (self.widget, self.bar) if bar is not None]
        if self.note is not None and time.monotonic() - self.note_time > NOTE_PERIOD:
            self.note_time, text = time.monotonic(), self.note()
            for bar in bars:
                bar.set_postfix_str(text, refresh=False)
        for bar in bars:
            if self.leaves_out_first:
                _restart_estimate(bar)
            bar.update()
        self.leaves_out_first = False

    def close(self) -> None:
        # The widget for inner bars belongs to the outer bar, which uses it again.
        outer = _open_bars[-1] if _open_bars else None
        is_reused = outer is not None and self.widget is not None and outer.inner is self.widget
        for bar in (self.inner, None if is_reused else self.widget, self.bar):
            if bar is not None:
                bar.close()


def _widget(settings: dict[str, Any], outer: _Bars | None):
    """A bar in the notebook.

    All bars within `outer` use the same widget, one after another: every widget that is created is
    stored in the notebook as one more output.
    """
    from tqdm.auto import tqdm as auto

    if outer is None:
        return auto(**settings, mininterval=0.5)
    if outer.inner is None:
        outer.inner = auto(**settings, mininterval=0.5)
    else:
        outer.inner.reset(settings["total"])
        # `reset` sets the count to 0, and keeps the note of the bar before.
        outer.inner.n = outer.inner.initial = settings["initial"]
        outer.inner.set_postfix_str("", refresh=False)
        outer.inner.set_description(settings["desc"])
    return outer.inner


def _restart_estimate(bar) -> None:
    """Estimate the remaining time from now on; the elapsed time goes on from the start."""
    start = bar.start_t
    bar.unpause()
    bar.start_t = start


class _Lines:
    """A bar for a log: a line at most every `LINE_PERIOD`, and one at the end if `leave`."""

    def __init__(self, file: TextIO, description: str, total: int | None, n_done: int, leave: bool):
        self.file = file
        self.description = description
        self.total = total
        self.leave = leave
        self.n = self.n_done = n_done
        self.note = ""
        self.start_t = self.estimate_start = self.last_line = time.monotonic()

    def update(self) -> None:
        self.n += 1
        # The line of the last item is left to `close`.
        if time.monotonic() - self.last_line >= LINE_PERIOD and self.n != self.total:
            self._print()

    def set_postfix_str(self, text: str, refresh: bool) -> None:
        self.note = text

    def unpause(self) -> None:
        self.estimate_start = self.last_line = time.monotonic()

    def close(self) -> None:
        if self.leave:
            self._print()

    def _print(self) -> None:
        self.last_line = time.monotonic()
        elapsed, counted = self.last_line - self.start_t, self.last_line - self.estimate_start
        # At the end the rate is that of all items, as tqdm's own.
        rate = (self.n - self.n_done) / counted if counted and self.n != self.total else None
        line = tqdm.format_meter(
            self.n,
            self.total,
            elapsed,
            prefix=self.description,
            bar_format=LINE,
            # The items of an earlier call took no time in this one.
            initial=self.n_done,
            rate=rate,
            postfix=self.note,
        )
        print(line, file=self.file, flush=True)


def _is_silent() -> bool:
    """Whether this is one of several training processes, and not the first."""
    # TorchElastic numbers the processes by RANK; a process on its own has no RANK.
    return int(os.environ.get("RANK", 0)) > 0
