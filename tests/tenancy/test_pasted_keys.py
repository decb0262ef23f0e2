"""A key that is typed into any field of any form is neither kept nor shown again."""

import logging
from http.cookies import SimpleCookie

from django.db import connection, transaction
from lxml import html

from accounts import roles
from accounts.checks import addresses
from tests.accounts.test_admin import form_of, page_of
from tests.factories import string_of
from tests.tenancy.test_every_cell import parameters, url_of
from tests.tenancy.world import Person, make_world

TYPED = "input:not([type]), input[type=text], input[type=email], input[type=url], input[type=search], input[type=password], textarea"

CHOSEN = "select, input[type=radio], input[type=checkbox], input[type=hidden]:not([name=csrfmiddlewaretoken])"


def tables_with(piece: str) -> list[str]:
    """The tables in which a text stands somewhere; sessions are compressed, so they are looked into elsewhere."""
    names = [name for name in connection.introspection.table_names() if name != "django_session"]
    parts = [f"(SELECT '{name}' FROM {name} AS row WHERE row::text LIKE %s LIMIT 1)" for name in names]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), [f"%{piece}%"] * len(parts))
        return [name for (name,) in cursor.fetchall()]


def test_a_key_in_any_field_is_neither_kept_nor_shown_again(cast, caplog, record_property):
    caplog.set_level(logging.CRITICAL, "django.request")
    world, string = make_world(cast), string_of(cast.key)
    piece, wrong, filled = string[6:-4], [], 0
    for person in (world.person("Ada"), Person("Sam", cast.sam)):
        for address in addresses():
            route = roles.matrix().find(address.name)
            if address.name.startswith("admin:") or "POST" not in route.who or route.is_for_staff != person.is_staff:
                continue
            url = url_of(address, parameters(address, route, world.a))
            person.client.cookies = SimpleCookie(person.cookies)
            page = person.client.get(url) if "GET" in route.who else None
            forms = html.fromstring(page.content or b"<p>").cssselect("main form[method=post]") if page else []
            for form in forms:
                for kind, text in ((TYPED, f"it is {string}"), (CHOSEN, string)):
                    names = sorted({field.name for field in form.cssselect(kind) if field.name})
                    if not names:
                        continue
                    filled += len(names)
                    sent = dict(form.form_values()) | dict.fromkeys(names, text)
                    with transaction.atomic():
                        answer = person.client.post(form.get("action") or url, sent)
                        said = answer.content.decode() + str(answer.headers) + str(dict(person.client.session))
                        kept = tables_with(piece)
                        transaction.set_rollback(True)
                    if piece in said or kept:
                        wrong.append(f"{person.name}: {address.name} {names}: {answer.status_code}, kept in {kept}")
    record_property("said", f"Keys typed into {filled} fields: {len(wrong)} shown again or kept")
    assert wrong == []
    assert filled >= 50


def test_a_key_where_the_admin_offers_a_choice_is_not_shown_again(cast, as_user):
    sam, string = as_user(cast.sam), string_of(cast.key)
    address, form = page_of(cast.northwind), form_of(cast.northwind)
    fields = sam.get(address).fields(form)
    chosen = {"plan": string, "memberships-0-role": string, "memberships-1-role": string}
    page = sam.post(address, fields | chosen)
    assert (page.status, string in page.source) == (200, False)
    assert page.texts(".errorlist li").count("This cannot be chosen here. Choose one of what is offered.") >= 2
    staff = sam.post(page_of(cast.sam), {"email": "x", "groups": [string], "user_permissions": [string]})
    assert (staff.status, string in staff.source) == (200, False)
