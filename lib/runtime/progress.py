"""Progress that reaches whoever waits: a widget in the notebook, and a bar or lines where the command was typed.

ipykernel takes the kernel's standard error away and keeps a copy of the original, which under papermill is papermill's
own. There a terminal gets a bar below papermill's, and a log gets a line now and then. JupyterLab has the widget alone.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TextIO

from tqdm import tqdm

PERIOD = 15.0  # s between the lines of a bar in a log
NOTE_PERIOD = 1.0  # s between two notes: each asks a device for numbers
LINE = "{desc}: {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_shown: list["_Bars"] = []  # what is shown, outermost first


def progress(
    iterable: Iterable,
    description: str,
    total: int | None = None,
    n_done: int = 0,
    note: Callable[[], str] | None = None,
) -> Iterator:
    """Yield the items of `iterable` and show how many of `total` (by default its length) are done.

    A bar within a bar disappears when it is full.

    Args:
        n_done: of `total` were done before.
        note: what is shown beside, asked for whenever something is drawn.

    >>> list(progress("abc", "letters"))
    ['a', 'b', 'c']
    """
    if _not_first():
        yield from iterable
        return
    if total is None and hasattr(iterable, "__len__"):
        total = len(iterable)
    while _shown and _shown[-1].cell != _cell():  # left open by a cell that failed
        _shown.pop().close()
    bars = _Bars(description, total, n_done, note)
    _shown.append(bars)
    try:
        for item in iterable:
            yield item
            bars.update()
    finally:
        if bars in _shown:
            _shown.remove(bars)
            bars.close()


def echo(text: str) -> None:
    """Print `text` in the notebook and where the command was typed, above the bars there."""
    if _not_first():
        return
    print(text, flush=True)
    file = _terminal()
    if kernel() is None or file is None:
        return
    bars = [shown.bar for shown in _shown if isinstance(shown.bar, tqdm)]
    for bar in bars:
        bar.clear()
    file.write(
        f"\r\x1b[K{text}\n" if file.isatty() else f"{text}\n"
    )  # over papermill's bar, which it draws again
    file.flush()
    for bar in bars:
        bar.refresh()


def kernel():
    """The IPython shell of the notebook's kernel that this runs in; None in a script."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell if hasattr(shell, "kernel") else None


class _Bars:
    """What shows one `progress`: a widget, if this is a notebook, and a bar or lines, if there is somewhere to type."""

    def __init__(
        self,
        description: str,
        total: int | None,
        n_done: int = 0,
        note: Callable[[], str] | None = None,
    ):
        depth, file = len(_shown), _terminal()
        settings = {
            "total": total,
            "desc": description,
            "leave": depth == 0,
            "miniters": 1,
            "initial": n_done,
        }
        self.note, self.noted = note, 0.0
        self.cell, self.inner, self.widget, self.bar = _cell(), None, None, None
        if kernel() is not None:
            self.widget = _widget(settings, _shown[-1] if _shown else None)
        if file is not None and file.isatty():
            position = depth + 1 if self.widget else None  # papermill's own bar has the first line
            self.bar = tqdm(
                **settings, mininterval=1.0, file=file, position=position, dynamic_ncols=True
            )
        elif file is not None:
            self.bar = _Lines(file, description, total, n_done, leave=depth == 0)

    def update(self) -> None:
        if self.note is not None and time.monotonic() - self.noted > NOTE_PERIOD:
            self.noted, text = time.monotonic(), self.note()
            for bar in (self.widget, self.bar):
                if bar is not None:
                    bar.set_postfix_str(text, refresh=False)
        for bar in (self.widget, self.bar):
            if bar is not None:
                bar.update()

    def close(self) -> None:
        kept = self.widget is not None and _shown and _shown[-1].inner is self.widget
        for bar in (self.inner, None if kept else self.widget, self.bar):
            if bar is not None:
                bar.close()


def _widget(settings: dict, outer: "_Bars | None"):
    """A bar in the notebook. Those within another follow each other in one: each widget made is an output stored."""
    from tqdm.auto import tqdm as auto

    if outer is None:
        return auto(**settings, mininterval=0.5)
    if outer.inner is None:
        outer.inner = auto(**settings, mininterval=0.5)
    else:
        outer.inner.reset(settings["total"])
        outer.inner.n = outer.inner.initial = settings["initial"]
        outer.inner.set_postfix_str("", refresh=False)
        outer.inner.set_description(settings["desc"])
    return outer.inner


class _Lines:
    """A bar for a log: a line at most every `PERIOD` seconds, and one at the end if `leave`."""

    def __init__(self, file: TextIO, description: str, total: int | None, n_done: int, leave: bool):
        self.file, self.description, self.total, self.leave = file, description, total, leave
        self.n, self.n_done, self.note, self.start = n_done, n_done, "", time.monotonic()
        self.said = self.start

    def update(self) -> None:
        self.n += 1
        if time.monotonic() - self.said >= PERIOD and self.n != self.total:
            self._say()

    def set_postfix_str(self, text: str, refresh: bool) -> None:
        self.note = text

    def close(self) -> None:
        if self.leave:
            self._say()

    def _say(self) -> None:
        self.said = time.monotonic()
        elapsed = self.said - self.start
        line = tqdm.format_meter(
            self.n,
            self.total,
            elapsed,
            prefix=self.description,
            bar_format=LINE,
            initial=self.n_done,
            postfix=self.note,
        )
        print(line, file=self.file, flush=True)


def _not_first() -> bool:
    """Whether this is one of several training processes, but not the one that tells."""
    return int(os.environ.get("RANK", 0)) > 0


def _cell() -> int:
    return getattr(kernel(), "execution_count", 0)


def _terminal() -> TextIO | None:
    if kernel() is None:
        return sys.stderr
    if "JPY_SESSION_NAME" in os.environ:  # JupyterLab: the server's log, which nobody watches
        return None
    return _file(
        getattr(sys.stderr, "_original_stdstream_copy", 2)
    )  # 2 where ipykernel leaves it alone


@cache
def _file(descriptor: int) -> TextIO:
    return open(descriptor, "w", encoding="utf-8", errors="replace", closefd=False)
