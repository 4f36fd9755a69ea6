"""What figures and vetoes need of the signals, taken while these pass to the scores."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from lib.evaluation import timbre

Item = tuple[dict, Mapping[str, np.ndarray]]  # a row and its signals, as from `restore_pairs`


class Collector:
    """Keeps the colour of all items and the signals of a few, so that nothing is restored twice.

    Args:
        systems: the systems whose colour is measured; enhanced is measured, too.
        n_examples: items whose signals are kept.

    Attributes:
        examples: the first `n_examples` items.
    """

    def __init__(self, systems: Iterable[str], n_examples: int = 0) -> None:
        self.systems = ("enhanced", *systems)
        self.n_examples = n_examples
        self.examples: list[Item] = []
        self._changes: list[pd.DataFrame] = []

    def watch(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items as they are."""
        for row, signals in items:
            if len(self.examples) < self.n_examples:
                self.examples.append((row, signals))
            columns = {name: row[name] for name in ("item_id", "snr_db")}
            for system in self.systems:
                table = timbre.change(signals[system], signals["clean"], row["bandwidth_hz"])
                self._changes.append(table.assign(system=system, **columns))
            yield row, signals

    def colours(self, system: str) -> pd.DataFrame:
        """Columns `item_id system snr_db band hz change_db`, of enhanced and of one system.

        The system is called restored, as in `summary.as_restored`.
        """
        table = pd.concat(self._changes, ignore_index=True)
        return table[table.system.isin(["enhanced", system])].replace(
            {"system": {system: "restored"}}
        )
