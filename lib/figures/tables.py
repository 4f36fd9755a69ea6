"""Tables that sort and search, as HTML that needs no network.

They work in notebooks, in their HTML export and in the MLflow UI.
"""

import pandas as pd

SETTINGS = {
    "maxBytes": 0,  # no limit: itables would shorten the table without a word
    "showIndex": False,
    "display_logo_when_loading": False,
    "text_in_header_can_be_selected": False,  # else a click on a name does nothing
    "layout": {
        "topStart": "info",
        "topEnd": "search",
        "bottomStart": None,
        "bottomEnd": "paging",
    },
}


def sortable(table: pd.DataFrame, rows_shown: int = 25) -> str:
    """All rows of `table`: a click on a column's name sorts by it, a field searches.

    It takes about 1 MB, most of which is the library DataTables itself.

    Args:
        rows_shown: rows on a page.

    >>> html = sortable(pd.DataFrame({"path": ["a.wav", "b.wav"], "level_db": [-20.0, -30.0]}))
    >>> "b.wav" in html, "cdn" in html
    (True, False)
    """
    from itables import options, to_html_datatable
    from itables.javascript import generate_init_offline_itables_html

    engine = generate_init_offline_itables_html(options.dt_bundle)
    body = to_html_datatable(table, connected=False, pageLength=rows_shown, **SETTINGS)
    return '<meta charset="utf-8">' + engine + body
