"""Addresses that nobody types on purpose."""

import time

import pytest

from tests.factories import string_of


@pytest.mark.parametrize(
    "url",
    [
        "/keys/?q=%00",
        "/keys/?product=%00",
        "/keys/%00/",
        "/keys/%00/edit/",
        "/analytics/?key=%00",
        "/admin/keys/apikey/?q=%00",
    ],
)
def test_nul_is_a_bad_request(cast, as_user, url):
    assert as_user(cast.sam if "admin" in url else cast.ada).get(url).status == 400


@pytest.mark.django_db
def test_nul_in_a_cookie_is_a_bad_request(client):
    assert client.get("/accounts/login/", headers={"Cookie": 'latchkey_session="\\000abcdefgh"'}).status_code == 400


@pytest.mark.parametrize("name", ["Cookie", "Content-Type", "User-Agent"])
def test_a_very_long_header_is_refused_before_anybody_reads_it(client, name):
    began_at = time.process_time()
    answer = client.get("/accounts/login/", headers={name: 'a="' + '\\"' * 20_000})
    assert answer.status_code == 431
    assert answer["Content-Security-Policy"]
    assert time.process_time() - began_at < 0.5, "20,000 quotes in a cookie take a second"


def test_taking_a_key_out_of_an_address_leads_to_no_other_site(cast, client):
    answer = client.get("/", {"q": string_of(cast.key)}, PATH_INFO="//evil.example/")
    assert (answer.status_code, answer["Location"]) == (302, "/%2Fevil.example/")


@pytest.mark.parametrize("said", ["é", "true", "%00", "http://["])
def test_a_page_before_that_is_no_address_leads_back_to_ours(ada, said):
    assert ada.client.post("/theme/", {"theme": "dark"}, headers={"Referer": said}).status_code == 302
    assert ada.client.get("/keys/", headers={"HX-Request": "true", "HX-Current-URL": said}).status_code == 200
    ada.client.logout()
    assert ada.client.get("/keys/", headers={"HX-Request": "true", "HX-Current-URL": said}).status_code == 204


@pytest.mark.parametrize(
    "url", ["/analytics/?to=0001-01-01", "/analytics/?range=own&to=0001-01-03", "/analytics/?from=9999-12-31"]
)
def test_dates_far_away_say_so_at_the_field(cast, ada, url):
    assert ada.get(url).status == 422


@pytest.mark.parametrize("name", ["product", "state", "sort", "page", "q"])
def test_a_key_in_an_address_is_taken_out(cast, ada, name):
    string = string_of(cast.key)
    page = ada.get("/keys/", **{name: string, "other": "stays"})
    assert page.status == 302
    assert string not in page["Location"]
    assert string not in ada.get(page["Location"]).source


def test_a_key_in_an_address_never_reaches_the_sign_in_page(cast, client):
    answer = client.get("/keys/", {"q": string_of(cast.key)}, follow=True)
    assert string_of(cast.key) not in answer.content.decode() + str(answer.redirect_chain)


def test_health_needs_no_session(cast, ada, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert ada.get("/livez").status == 200
    with django_assert_num_queries(1):
        assert ada.get("/readyz").status == 200
