"""Pages are filled from the files beside the module, and nothing is left out."""

import pytest

from lib.evaluation import html_page


@pytest.mark.parametrize("name", ["listening_page", "blind_page"])
def test_a_page_holds_its_style_and_its_script_as_they_are(name):
    values = dict.fromkeys(("title", "report", "items", "help", "screens", "about"), "${kept} {x}")
    page = html_page.fill_page(name, **values, n_screens="3")
    for suffix in ("css", "js"):
        assert html_page.read_text(f"{name}.{suffix}") in page
    assert "<title>${kept} {x}</title>" in page  # values are not filled themselves


def test_a_place_without_a_value_is_an_error():
    with pytest.raises(KeyError, match="report"):
        html_page.fill_page("listening_page", title="a run", items="")
