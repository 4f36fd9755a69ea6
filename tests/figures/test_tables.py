"""Tables as HTML hold all rows and need no network; `test_browser` sorts and searches one."""

import re

import pandas as pd

from lib.figures.tables import sortable


def test_a_table_holds_every_row_and_shows_a_page_of_them():
    table = pd.DataFrame({"path": [f"file_{i}.wav" for i in range(300)], "level_db": -20.0})
    page = sortable(table, rows_shown=7)
    assert all(f"file_{i}.wav" in page for i in range(300))
    assert re.search(r'"pageLength": ?7\b', page)


def test_a_table_names_no_script_or_style_of_another_place():
    page = sortable(pd.DataFrame({"path": ["a.wav"]}))
    assert not re.search(r'<(script|link)[^>]+(src|href)="https?:', page)
