"""A key that is typed into any field of any form is neither kept nor shown again."""

import logging
from http.cookies import SimpleCookie

from django.db import connection, transaction
from lxml import html

from accounts import roles
from accounts.checks import addresses
from tests.factories import string_of
from tests.tenancy.test_every_cell import parameters, url_of
from tests.tenancy.world import Person, make_world

TYPED = "input:not([type]), input[type=text], input[type=email], input[type=url], input[type=search], input[type=password], textarea"


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
                typed = [field.name for field in form.cssselect(TYPED) if field.name]
                if not typed:
                    continue
                filled += len(typed)
                sent = dict(form.form_values()) | dict.fromkeys(typed, f"it is {string}")
                with transaction.atomic():
                    answer = person.client.post(form.get("action") or url, sent)
                    said = answer.content.decode() + str(answer.headers) + str(dict(person.client.session))
                    kept = tables_with(piece)
                    transaction.set_rollback(True)
                if piece in said or kept:
                    wrong.append(f"{person.name}: {address.name} {typed}: {answer.status_code}, kept in {kept}")
    record_property("said", f"Keys typed into {filled} fields: {len(wrong)} shown again or kept")
    assert wrong == []
    assert filled >= 20
