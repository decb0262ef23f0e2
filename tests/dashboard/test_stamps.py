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
