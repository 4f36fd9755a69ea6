"""Parameters of `listen`."""

from refusals import refusal

from lib.config.base import build
from lib.config.listen import Listen


def test_one_run_is_a_list_of_one():
    assert build(Listen, {"run": "best"}).run == ["best"]
    assert build(Listen, {"run": ["best", "latest"]}).run == ["best", "latest"]
    assert build(Listen, {"run": ""}).run == []


def test_the_corpus_may_be_empty_and_must_else_be_a_plain_name():
    assert build(Listen, {"corpus": ""}).corpus == ""
    assert "plain folder name" in refusal(Listen, corpus="../demo")[0]
