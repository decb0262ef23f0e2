"""Templates of rows that are rendered once and filled in: what they may ask, and that nothing of one row gets into another."""

import pytest
from django.template import Context, Template
from django.utils import translation

from dashboard.stamps import Blank, BlankError, Stamps

COPY_ID = "components/_copy_id.html"


def test_texts_are_escaped_and_put_where_the_template_shows_them():
    filled = Stamps("en-gb").fill(COPY_ID, {}, {"value": 'key_1" onclick="x', "name": "<b>100 % %(name)s</b>"})
    assert 'data-copy="key_1&quot; onclick=&quot;x"' in filled
    assert 'aria-label="Copy the ID of &lt;b&gt;100 % %(name)s&lt;/b&gt;"' in filled


def test_a_form_that_was_filled_in_before_keeps_nothing_of_it():
    stamps = Stamps("en-gb")
    first = stamps.fill(COPY_ID, {}, {"value": "key_1", "name": "Web shop"})
    second = stamps.fill(COPY_ID, {}, {"value": "key_2", "name": "Fleet"})
    assert first.replace("key_1", "key_2").replace("Web shop", "Fleet") == second


def test_each_language_has_its_own_form():
    texts = {"value": "key_1", "name": "Web shop"}
    english = Stamps("en-gb").fill(COPY_ID, {}, texts)
    with translation.override("de"):
        assert Stamps("de").fill(COPY_ID, {}, texts) != english
        assert Stamps("en-gb").fill(COPY_ID, {}, texts) == english


@pytest.mark.parametrize("source", ["{% if name %}x{% endif %}", "{{ name|default:'x' }}", "{{ name|yesno }}"])
def test_a_template_that_asks_whether_a_text_is_there_does_not_render(source):
    with pytest.raises(BlankError):
        Template(source).render(Context({"name": Blank("x")}))


def test_the_masthead_of_one_person_holds_nothing_of_another(cast, ada, as_user):
    assert "ada@" in ada.get("/keys/").one(".masthead").text_content()
    masthead = as_user(cast.mallory).get("/keys/").one(".masthead").text_content()
    assert "mallory@other.example" in masthead
    assert "Other Maps" in masthead
    assert cast.ada.email not in masthead
    assert cast.northwind.name not in masthead


def test_every_form_of_a_page_has_the_same_token_and_every_page_another(ada):
    def tokens():
        page = ada.get("/keys/")
        return {each.get("value") for each in page.all("input[name=csrfmiddlewaretoken]")}

    first, second = tokens(), tokens()
    assert (len(first), len(second)) == (1, 1)
    assert first != second
