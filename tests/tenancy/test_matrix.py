"""The file behind the matrix: what it may say, and what stops the start."""

from types import SimpleNamespace

import pytest
from django.urls import path

from accounts import access, checks, roles
from accounts.management.commands.write_roles import PAGE, page
from accounts.roles import MatrixError, Member, read


def test_the_page_of_the_docs_says_what_the_matrix_says():
    assert PAGE.read_text() == page(), "run: python manage.py write_roles"


def test_every_route_has_a_row_and_every_row_a_route():
    assert checks.check_roles(None) == []


def test_a_route_without_a_row_stops_the_start(monkeypatch):
    from dashboard import urls

    monkeypatch.setattr(urls, "urlpatterns", [*urls.urlpatterns, path("new/", lambda request: None, name="new")])
    monkeypatch.setattr(checks, "get_resolver", lambda: type("Root", (), {"url_patterns": urls.urlpatterns}))
    assert [problem.msg for problem in checks.check_roles(None)] == ["The route new has no row in roles.toml."]


def test_a_row_without_a_route_stops_the_start(monkeypatch):
    matrix = read('["keys:nothing"]\nabout = "Nothing"\nGET = ["owner"]')
    monkeypatch.setattr(roles, "matrix", lambda: roles.Matrix([*matrix.routes, *read(roles.FILE.read_text()).routes]))
    problems = [problem.msg for problem in checks.check_roles(None)]
    assert problems == ["The row keys:nothing of roles.toml stands for no route."]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ('about = "X"\nPUT = ["owner"]', "methods other than"),
        ('about = "X"', "or none"),
        ('GET = ["owner"]', "what it is about"),
        ('about = "X"\nGET = ["boss"]', "“boss”, which is no role"),
        ('about = "X"\nGET = ["owner", "staff"]', "mixes"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused(rows, sentence):
    with pytest.raises(MatrixError, match=sentence):
        read(f'["a:b"]\n{rows}')


def test_a_name_of_its_own_wins_over_a_pattern():
    matrix = read('["a:*"]\nabout = "All"\nGET = ["staff"]\n["a:b"]\nabout = "One"\nGET = ["anyone"]')
    assert matrix.find("a:b").about == "One"
    assert matrix.find("a:c").about == "All"
    assert matrix.find("b:c") is None


def test_head_is_a_get():
    (route,) = read('["a"]\nabout = "A"\nGET = ["anyone"]').routes
    assert route.roles("HEAD") == route.roles("GET") == {"anyone"}
    assert route.roles("POST") is None


def test_a_role_alone_may_what_its_members_may(cast):
    people = {"owner": cast.ada, "developer": cast.ben, "viewer": cast.vera}
    for role, person in people.items():
        request = SimpleNamespace(user=person, membership=SimpleNamespace(role=role))
        for route in roles.matrix().routes:
            if route.is_for_members:
                assert Member(role).may(route.name) == access.may(request, route.name), (role, route.name)
                assert Member(role).may(route.name, "GET") == access.may(request, route.name, "GET"), (role, route.name)
    with pytest.raises(KeyError):
        Member("owner").may("keys:nothing")
