"""What the admin calls its models, fields, columns, filters and sections is marked for translation."""

import inspect

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import FieldDoesNotExist
from django.test import RequestFactory
from django.utils.functional import Promise

from accounts.models import User

OURS = ("accounts", "keys", "analytics", "notices")
SAME = {"ID", "API", "SDK"}
"""What every language calls so."""


def pages():
    found = [page for model, page in admin.site._registry.items() if model._meta.app_label in OURS]
    return sorted(found, key=lambda page: page.model._meta.label)


def words_of_field(page, name):
    """The label of a column or a line of a form, and its help."""
    own = getattr(page, name, None)
    if own is not None:
        return [own.short_description] if hasattr(own, "short_description") else [f"{name} has no description"]
    try:
        field = page.model._meta.get_field(name)
    except FieldDoesNotExist:
        own = getattr(page.model, name, None)
        described = getattr(getattr(own, "fget", own), "short_description", None)
        return [described] if described else []  # a field of the form, which the crawl of pages sees
    return [field.verbose_name, field.help_text]


def words_of_path(model, path):
    """The label of a filter, which may go through other models."""
    *between, last = path.split("__")
    for name in between:
        model = model._meta.get_field(name).related_model
    field = model._meta.get_field(last)
    return field.related_model._meta.verbose_name if field.is_relation else field.verbose_name


def words_of_page(page, request):
    meta = page.model._meta
    yield from (meta.verbose_name, meta.verbose_name_plural, page.search_help_text)
    fieldsets = page.get_fieldsets(request)
    yield from (title for title, _ in fieldsets)
    for name in {*page.get_list_display(request), *flatten_fieldsets(fieldsets), *page.get_readonly_fields(request)}:
        yield from words_of_field(page, name)
    for each in page.list_filter:
        if inspect.isclass(each):
            yield each.title
        else:
            yield words_of_path(page.model, each if isinstance(each, str) else each[0])
    for action, _, description in page._get_base_actions():
        yield description if getattr(action, "__module__", "").split(".")[0] in OURS else None
    for inline in page.get_inline_instances(request):
        yield from (inline.verbose_name, inline.verbose_name_plural)
        for name in flatten_fieldsets(inline.get_fieldsets(request)):
            yield from words_of_field(inline, name)


def test_the_words_of_the_admin_are_marked_for_translation():
    request = RequestFactory().get("/")
    request.user = User(is_active=True, is_staff=True, is_superuser=True)
    words = {page.model._meta.label: [text for text in words_of_page(page, request) if text] for page in pages()}
    assert len(words) > 20
    bare = {label: [text for text in found if not isinstance(text, Promise)] for label, found in words.items()}
    assert {label: found for label, found in bare.items() if set(found) - SAME} == {}
