"""Passkeys without a browser: what is asked of it, and answers that are none. The whole way is in tests/browser."""

import base64
import json

import pytest
from allauth.mfa.models import Authenticator

from accounts.signin.factors import public_id
from tests.accounts.journey import confirm, is_signed_in, stranger

pytestmark = pytest.mark.django_db
ADD, SIGN_IN = "/accounts/security/passkeys/add/", "/accounts/passkey/"
NOT_ACCEPTED = "This passkey was not accepted here."
CREDENTIAL = {
    "id": "AAAA",
    "rawId": "AAAA",
    "type": "public-key",
    "response": {
        "clientDataJSON": "e30",
        "authenticatorData": "AAAA",
        "signature": "AAAA",
        "attestationObject": "AAAA",
        "userHandle": "MQ",
    },
    "clientExtensionResults": {},
}
NONSENSE = [
    "",
    "[" * 100_000,
    "9" * 5_000,
    "no json",
    "null",
    "1",
    '"text"',
    "[]",
    "{}",
    '{"response": 1}',
    '{"response": {}}',
    json.dumps(CREDENTIAL),
    json.dumps(CREDENTIAL | {"response": CREDENTIAL["response"] | {"userHandle": None}}),
    json.dumps(CREDENTIAL | {"response": CREDENTIAL["response"] | {"userHandle": "____"}}),
    json.dumps(CREDENTIAL | {"response": CREDENTIAL["response"] | {"userHandle": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"}}),
]


def options(page, selector: str) -> dict:
    return json.loads(page.one(selector).get("data-options"))["publicKey"]


def make_passkey(person, name: str = "Laptop") -> Authenticator:
    """A passkey whose private half nobody has; enough for what is not about signatures."""
    return Authenticator.objects.create(
        user=person, type="webauthn", data={"name": name, "credential": {"clientExtensionResults": {}}}
    )


def test_the_browser_is_asked_for_a_passkey_of_this_site_and_person(cast, ada):
    assert ada.get(ADD)["Location"].startswith("/accounts/reauthenticate/")
    confirm(ada)
    wanted = options(ada.get(ADD), "form[data-passkey=make]")
    assert wanted["rp"]["id"] == "testserver"
    assert wanted["user"]["name"] == cast.ada.email
    assert len(wanted["challenge"]) >= 22
    assert options(ada.get(ADD), "form[data-passkey=make]")["challenge"] != wanted["challenge"]


def test_signing_in_asks_for_any_passkey_with_proof_of_the_person(cast):
    response = stranger().client.get(SIGN_IN, headers={"Accept": "application/json"})
    wanted = response.json()["request_options"]["publicKey"]
    assert wanted["userVerification"] == "required"
    assert wanted.get("allowCredentials", []) == [], "it does not tell who has one"
    assert stranger().get(SIGN_IN)["Location"] == "/accounts/login/"


@pytest.mark.parametrize("credential", NONSENSE)
def test_nonsense_is_no_passkey(cast, ada, credential):
    confirm(ada)
    ada.get(ADD)
    page = ada.post(ADD, {"name": "Laptop", "passwordless": "on", "credential": credential})
    assert page.status == 200
    assert page.all(".error, [role=alert]")
    assert not Authenticator.objects.exists()
    browser = stranger()
    browser.client.get(SIGN_IN, headers={"Accept": "application/json"})
    page = browser.post(SIGN_IN, {"credential": credential}, follow=True)
    assert page.one("h1").text == "Sign in"
    assert not is_signed_in(browser)


def test_a_known_and_an_unknown_person_are_answered_alike(cast):
    said = []
    for handle in (str(cast.ada.pk), "999999"):
        browser = stranger()
        browser.client.get(SIGN_IN, headers={"Accept": "application/json"})
        encoded = base64.urlsafe_b64encode(handle.encode()).decode().rstrip("=")
        credential = CREDENTIAL | {"response": CREDENTIAL["response"] | {"userHandle": encoded}}
        said.append(browser.post(SIGN_IN, {"credential": json.dumps(credential)}, follow=True).texts(".messages"))
    assert said == [[NOT_ACCEPTED]] * 2


def test_tries_with_passkeys_are_limited_for_each_address():
    statuses = [stranger().post(SIGN_IN, {"credential": "{}"}).status for _ in range(11)]
    assert statuses == [302] * 10 + [429]


def test_a_passkey_is_renamed_and_the_name_is_never_markup(cast, ada):
    confirm(ada)
    passkey = make_passkey(cast.ada)
    path = f"/accounts/security/passkeys/{public_id(passkey)}/rename/"
    assert ada.submit(path, selector=".account-form", name="<b>Blue</b> key").status == 302
    page = ada.get("/accounts/security/")
    assert "<b>Blue</b> key" in page
    assert "<b>Blue" not in page.source
    for name in ("", "x" * 61, "a\x07b"):
        assert ada.submit(path, selector=".account-form", name=name).all(".error")
    passkey.refresh_from_db()
    assert passkey.data["name"] == "<b>Blue</b> key"


def test_another_persons_passkey_does_not_exist(cast, as_user):
    passkey = make_passkey(cast.ada)
    mallory = as_user(cast.mallory)
    confirm(mallory)
    for action in ("rename", "remove"):
        path = f"/accounts/security/passkeys/{public_id(passkey)}/{action}/"
        assert mallory.get(path).status == mallory.post(path, {"name": "Mine"}).status == 404
        assert mallory.get(f"/accounts/security/passkeys/{passkey.pk}/{action}/").status == 404
    assert Authenticator.objects.get().data["name"] == "Laptop"


def test_removing_asks_who_it_is_even_with_a_session(cast, ada):
    path = f"/accounts/security/passkeys/{public_id(make_passkey(cast.ada))}/remove/"
    assert ada.post(path)["Location"].startswith("/accounts/reauthenticate/")
    assert Authenticator.objects.count() == 1
    confirm(ada)
    assert ada.submit(path, selector=".account-form").status == 302
    assert not Authenticator.objects.exists()
