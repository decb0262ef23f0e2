"""Every route × method × person: who belongs elsewhere reaches nothing of customer A, and each role what the matrix says.

The routes come from the URL configuration, what to expect from accounts/roles.toml. A route whose parameters this test
cannot fill in fails it, and so does one without a row.
"""

import logging
import re
import uuid
from http.cookies import SimpleCookie

import pytest
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test import Client
from lxml import html

from accounts import roles
from accounts.checks import Address, addresses
from accounts.roles import ANYONE, PERSON, Route
from tests.tenancy.world import Fingerprint, Person, Things, World, make_world

LET_IN = {200, 204, 302, 409, 422, 429}
WITHOUT_PARAMETERS = {"key": "nonsense", "token": "nonsense", "uidb36": "1", "url": "nowhere/", "app_label": "keys"}
BODY = {
    "name": "Taken over", "version": "1", "requested": "9", "reason": "Mine", "delay": "0", "allowed_domains": "", "answered": "1",
    "email": "friend@example.com", "role": "viewer",
}  # fmt: skip


def parameters(address: Address, route: Route, things: Things) -> dict[str, str]:
    """What stands in the path for one customer's things."""
    known = WITHOUT_PARAMETERS | {
        "organization_id": things.organization.public_id,
        "public_id": things.named.get(route.of or "keys"),
        "customer_id": things.organization.public_id,
        "person_id": f"user_{things.organization.memberships.first().user_id}",
        "about": things.key.public_id,
        "tracking_id": things.tracking_id,
        "notice_id": things.notice.public_id,
        "request_id": things.qps_request.public_id,
        "content_type_id": str(ContentType.objects.get_for_model(type(things.key)).pk),
        "object_id": str(things.key.pk),
    }
    for model in admin.site._registry if address.name.startswith("admin:") else ():
        if address.name.startswith(f"admin:{model._meta.app_label}_{model._meta.model_name}_"):
            known["object_id"] = str(model._base_manager.values_list("pk", flat=True).first() or 1)
    names = address.pattern.pattern.regex.groupindex
    unknown = [name for name in names if not known.get(name)]
    assert not unknown, f"{address.name} has parameters that this test cannot fill in: {unknown}"
    return {name: known[name] for name in names}


def url_of(address: Address, filled: dict[str, str]) -> str:
    """The path with its parameters, which stand there as `<str:name>` or as `(?P<name>…)`."""
    path = re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", address.path).replace("^", "").replace("$", "")
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: filled[match[1]], path)


def expected(person: Person, route: Route, method: str, address: Address, *, own: bool) -> set[int]:
    """The statuses that the matrix allows for the things of customer A, or (`own`) of the person's own customer."""
    wanted = route.roles(method)
    if wanted is not None and ANYONE in wanted:
        return LET_IN | {400, 403, 404}  # these pages say themselves what is wrong with a link or a form
    if person.user is None:
        return {405} if route.is_open else {302}
    if route.is_for_staff:
        if not person.is_staff or any(" " in name for name in wanted or route.everybody):
            return {404}
        return {405} if wanted is None else LET_IN | ({403, 404, 405} if address.name.startswith("admin:") else set())
    names_organization = "organization_id" in address.pattern.pattern.regex.groupindex
    if not route.is_for_members:
        others = {404} if address.pattern.pattern.regex.groupindex else set()  # what is another person's is not there
        return {405} if wanted is None else LET_IN | others
    role = person.role or person.other_role
    if person.role is None and not own and (names_organization or (route.of and role)):
        return {404}
    if role is None:
        return {404}
    if wanted is None:
        return {405}
    if role not in wanted:
        return {403}
    return LET_IN if person.role or own else LET_IN | {404}  # what a forged query names is not there


class Writes:
    """Notices statements that write: without one nothing needs comparing."""

    def __init__(self) -> None:
        self.seen = False

    def __call__(self, execute, sql, params, many, context):
        self.seen |= sql.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE", "WITH"))
        return execute(sql, params, many, context)


class Walk:
    """Asks, and keeps what was wrong."""

    def __init__(self, world: World) -> None:
        self.world, self.cells, self.wrong = world, 0, []
        self.rows_of_a = Fingerprint(world.a.organization)
        self.before = self.rows_of_a.take()

    def _is_touched(self) -> bool:
        return self.rows_of_a.take() != self.before

    def ask(self, person: Person, address: Address, route: Route, method: str, *, own: bool) -> None:
        """Try one cell in a transaction that is undone."""
        things = self.world.b if own else self.world.a
        url = url_of(address, parameters(address, route, things))
        allowed = expected(person, route, method, address, own=own)
        forged = self.world.a.identifiers | (BODY | {"token": str(uuid.uuid4())} if method == "POST" else {})
        person.client.cookies = SimpleCookie(person.cookies)
        writes = Writes()
        with transaction.atomic(), connection.execute_wrapper(writes):
            send = getattr(person.client, method.lower())
            answer = send(
                url, forged, **({} if method == "GET" else {"QUERY_STRING": "key=" + self.world.a.key.public_id})
            )
            said = b"".join(answer.streaming_content) if answer.streaming else answer.content
            is_elsewhere = person.role is None and not person.is_staff
            touched = writes.seen and (is_elsewhere or not allowed & {200, 302}) and self._is_touched()
            transaction.set_rollback(True)
        self.cells += 1
        cell = f"{person.name}: {method} {address.name} ({'own' if own else 'A'})"
        if answer.status_code not in allowed:
            self.wrong.append(f"{cell}: {answer.status_code}, not {sorted(allowed)}")
        if answer.status_code == 302 and person.user and "/accounts/login/" in answer["Location"] and allowed == LET_IN:
            self.wrong.append(f"{cell}: was sent to the sign-in")
        if touched:
            self.wrong.append(f"{cell}: changed rows of A")
        if is_elsewhere:
            said = said.decode(errors="replace")
            sent = [url, *map(str, forged.values())]  # what the person knew already
            self.wrong += [f"{cell}: says “{word}”" for word in self.world.words if word in said and word not in sent]


@pytest.fixture
def world(cast):
    return make_world(cast)


GROUPS = {
    "outsiders": ("anonymous", "Mallory", "moved", "former"),
    "members": ("Vera", "Ben", "Una", "Ada"),
    "staff": ("Tess",),
    "the admin": ("anonymous", "Mallory", "Tess"),  # one row for all of it, the same answer for all without the right
}


@pytest.mark.timeout(600)  # thousands of requests, also where other tests take the processor
@pytest.mark.parametrize("group", GROUPS)
def test_nobody_reaches_more_than_the_matrix_says(world, record_property, caplog, group):
    caplog.set_level(logging.CRITICAL, "django.request")  # refusals are what is wanted
    walk = Walk(world)
    for address in addresses():
        route = roles.matrix().find(address.name)
        assert route is not None, f"{address.name} has no row in accounts/roles.toml"
        if address.name.startswith("admin:") != (group == "the admin"):
            continue
        for person in map(world.person, GROUPS[group]):
            for method in ("GET", "POST", "DELETE") if person.name in ("anonymous", "Mallory") else ("GET", "POST"):
                walk.ask(person, address, route, method, own=False)
                if person.other_role and address.pattern.pattern.regex.groupindex and route.is_for_members:
                    walk.ask(person, address, route, method, own=True)
    record_property("said", f"Routes × methods × {group}: {walk.cells:,} cells, {len(walk.wrong)} wrong")
    assert not walk.wrong, "\n".join(walk.wrong)
    assert walk.cells > 90


def test_no_address_takes_a_form_without_its_token_or_from_another_site(world, caplog):
    caplog.set_level(logging.CRITICAL, "django")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(world.person("Ada").user)
    token = html.fromstring(strict.get("/keys/").content).cssselect("[name=csrfmiddlewaretoken]")[0].get("value")
    rows = Fingerprint(world.a.organization)
    before, wrong, asked = rows.take(), [], 0
    for address in addresses():
        route = roles.matrix().find(address.name)
        if "POST" in route.who and not address.name.startswith("admin:"):
            asked += 1
            url = url_of(address, parameters(address, route, world.a))
            for body, headers in (
                (BODY, {}),
                (BODY | {"csrfmiddlewaretoken": token}, {"Origin": "https://evil.example"}),
            ):
                answer = strict.post(url, body, headers=headers)
                if answer.status_code != 403 or b"This form was not accepted" not in answer.content:
                    wrong.append((address.name, headers, answer.status_code))
    assert wrong == []
    assert asked > 60
    assert rows.take() == before
    accepted = strict.post(
        "/theme/", {"theme": "dark", "csrfmiddlewaretoken": token}, headers={"Origin": "http://testserver"}
    )
    assert accepted.status_code == 302


def test_what_a_person_may_is_what_links_ask(world):
    """`request.may` shows a link exactly where the matrix lets the person in with every method."""
    for person in world.people:
        if person.user is None:
            continue
        request = person.client.get("/accounts/email/").wsgi_request
        role = person.role or person.other_role
        for route in roles.matrix().routes:
            rows = route.who.values()
            right = all(
                ANYONE in row or PERSON in row or role in row or (person.is_staff and "staff" in row) for row in rows
            )
            assert request.may(route.name) == right, (person.name, route.name)
