"""What is shown in a notebook is kept by its run."""

import matplotlib.pyplot as plt
import pandas as pd

from lib.config.check import Check
from lib.tracking import session, store


def test_a_figure_is_kept_and_closed_and_a_table_has_an_index_that_says_something():
    run, _ = session.start("shown", Check)
    figure = plt.figure(figsize=(4, 3))
    run.figure("lag", figure)
    assert not plt.fignum_exists(figure.number)
    image = plt.imread(store.download(run.id, "figures/lag.png"))
    assert image.shape[:2] == (450, 600)  # 150 dots per inch
    table = pd.DataFrame({"id": ["a", "b"], "lag": [0, 1]})
    run.table("pairs", table)
    assert store.download(run.id, "tables/pairs.csv").read_text() == "id,lag\na,0\nb,1\n"
    run.table("lags", table.set_index("id"))
    assert store.download(run.id, "tables/lags.csv").read_text() == "id,lag\na,0\nb,1\n"
    run.finish()
