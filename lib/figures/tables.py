"""Tables that sort and search, as HTML that needs no network: for notebooks, their HTML export and the MLflow UI."""

import pandas as pd


def sortable(table: pd.DataFrame, rows_shown: int = 25) -> str:
    """All rows of `table`: a click on a column's name sorts by it, a field searches. About 1 MB, most of it DataTables itself.

    >>> html = sortable(pd.DataFrame({"path": ["a.wav", "b.wav"], "level_db": [-20.0, -30.0]}))
    >>> "b.wav" in html, "cdn" in html
    (True, False)
    """
    from itables import options, to_html_datatable
    from itables.javascript import generate_init_offline_itables_html

    settings = {
        "maxBytes": 0, "pageLength": rows_shown, "showIndex": False, "display_logo_when_loading": False,
        "text_in_header_can_be_selected": False,  # else a click on a name does nothing
        "layout": {"topStart": "info", "topEnd": "search", "bottomStart": None, "bottomEnd": "paging"},
    }  # fmt: skip
    engine = generate_init_offline_itables_html(options.dt_bundle)
    return '<meta charset="utf-8">' + engine + to_html_datatable(table, connected=False, **settings)
