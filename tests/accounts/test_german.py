"""German where people sign in, are told something, or are helped: pages in the reader's language, mails in the recipient's."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.utils import translation

from accounts import stories
from accounts.models import Invitation, Role, User
from tests.accounts.journey import link_in_mail, register
from tests.factories import join
from tests.page import Browser

pytestmark = pytest.mark.django_db

_BLANK = re.compile(r"\{[^}]*\}")


@pytest.fixture
def german() -> Browser:
    """A browser that asks for German."""
    return Browser(Client(headers={"Accept-Language": "de"}))


def test_who_registers_in_german_is_asked_and_written_to_in_german(german):
    assert german.get("/accounts/signup/").one("h1").text == "Konto erstellen"
    page = register(german, password1="short")
    assert "Dieses Passwort ist zu kurz" in page.one("#id_password1_error").text_content()
    register(german)
    assert mail.outbox[-1].subject.endswith("Bestätigen Sie Ihre Adresse")
    assert "Öffnen Sie diesen Link, um sie zu bestätigen:" in mail.outbox[-1].body
    assert german.get(link_in_mail()).one("main button").text == "Bestätigen"
    assert User.objects.get().language == "de"


def test_a_mail_speaks_the_language_of_who_gets_it_not_of_who_causes_it(cast, as_user):
    cast.ben.choose_language("de")
    member = cast.northwind.memberships.get(user=cast.ben)
    members = f"/organizations/{cast.northwind.public_id}/members/"
    as_user(cast.ada).submit(f"{members}{member.public_id}/role/", role="admin")
    message = mail.outbox[-1]
    assert (message.to, message.subject) == ([cast.ben.email], "Ihre Rolle in Northwind Routing ist jetzt Admin")
    assert "Ada Nowak hat das geändert. Vorher waren Sie Entwickler." in message.body
    assert "E-Mails auswählen" not in message.body, "of mandatory mails nothing is chosen"
    assert '<html lang="de">' in message.alternatives[0][0]
    assert translation.get_language() == "en-gb"


def test_who_chose_english_reads_english_whatever_language_asked_for_the_mail(cast, german):
    cast.ada.choose_language("en-gb")
    german.submit("/accounts/password/reset/", selector=".signin-form", email=cast.ada.email)
    assert mail.outbox[-1].subject.endswith("Set a new password")
    german.submit("/accounts/password/reset/", selector=".signin-form", email=cast.ben.email)
    assert mail.outbox[-1].subject.endswith("Neues Passwort festlegen")


def test_who_is_invited_reads_the_language_of_who_invites_until_they_have_one_of_their_own(cast, as_user):
    cast.ada.choose_language("de")
    invite = f"/organizations/{cast.northwind.public_id}/members/invite/"
    as_user(cast.ada).submit(invite, email="eve@northwind.example", role="viewer")
    assert mail.outbox[-1].subject == "Einladung zu Northwind Routing"
    assert "mit der Rolle Betrachter." in mail.outbox[-1].body
    cast.mallory.choose_language("en-gb")
    as_user(cast.ada).submit(invite, email=cast.mallory.email, role="viewer")
    assert mail.outbox[-1].subject == "Invitation to Northwind Routing"


def test_activity_tells_in_the_readers_language_with_names_where_they_belong(cast, as_user):
    cast.ada.choose_language("de")
    Invitation.send(organization=cast.northwind, email="eve@northwind.example", role=Role.VIEWER, by=cast.ada)
    cast.northwind.memberships.get(user=cast.ben).change_role(by=cast.ada, role=Role.ADMIN)
    page = as_user(cast.ada).get("/activity/")
    lines = page.texts(".history p")
    assert "Ada Nowak hat eve@northwind.example eingeladen Als Betrachter" in " ".join(lines)
    assert "Ada Nowak hat die Rolle von ben@northwind.example geändert Entwickler → Admin" in " ".join(lines)
    assert "Ada Nowak changed the role of ben@northwind.example developer → admin" in " ".join(
        as_user(cast.ben).get("/activity/").texts(".history p")
    )
    wrong = as_user(cast.ada).get("/activity/?from=2026-02-02&to=2026-02-01")
    assert "Von: Das liegt nach dem letzten Tag." in wrong
    header, *rows = as_user(cast.ada).get("/activity/csv/").response.getvalue().decode().splitlines()
    assert "Person,E-mail,Kind" in header
    assert any("changed the role of ben@northwind.example" in row for row in rows), "programs read it in English"


def test_every_sentence_of_activity_has_a_german_one_with_the_same_blanks():
    texts = {text for _icon, *told in stories.SENTENCES.values() for text in told if _BLANK.sub("", text).strip(" →")}
    assert len(texts) > 40
    with translation.override("de"):
        german = {text: translation.gettext(text) for text in texts}
    assert [text for text in texts if german[text] == text and not text.startswith("Tracking-ID")] == []
    assert [text for text in texts if set(_BLANK.findall(german[text])) != set(_BLANK.findall(text))] == []


def test_the_support_desk_is_german_and_counts_in_german(cast, as_user):
    cast.sam.choose_language("de")
    sam = as_user(cast.sam)
    page = sam.get("/support/")
    assert "Fragen Sie nach der ID, nie nach dem Key." in page
    found = sam.post("/support/", {"q": "northwind"}, follow=True)
    assert "Northwind Routing" in found
    page = sam.get(f"/support/organizations/{cast.northwind.public_id}/")
    assert {"Angaben", "Mitglieder", "Tarif"} & set(page.texts("dt"))
    assert "Inhaber" in page
    key = sam.get(f"/support/keys/{cast.key.public_id}/")
    assert "hat den Key erstellt" in key
    done = sam.submit(f"/support/keys/{cast.key.public_id}/disable/", reason="Test", follow=True)
    assert "Fleet tracking ist deaktiviert. Es gilt innerhalb einer Sekunde." in done


def test_refusals_and_errors_are_german(cast, as_user, german):
    join(cast.northwind, cast.mallory, Role.VIEWER)
    cast.vera.choose_language("de")
    page = as_user(cast.vera).get(f"/keys/{cast.key.public_id}/edit/")
    assert page.status == 403
    assert "Ihre Rolle ist Betrachter" in page
    assert german.get("/nowhere/").one("h1").text == "Diese Seite gibt es nicht"


def test_the_page_of_maintenance_needs_no_database_to_be_german(german, settings, tmp_path):
    settings.MAINTENANCE_PATH = tmp_path / "maintenance"
    settings.MAINTENANCE_PATH.write_text("", encoding="utf-8")
    try:
        page = german.get("/keys/")
    finally:
        settings.MAINTENANCE_PATH.unlink()
    assert (page.status, page.one("h1").text, page.one("html").get("lang")) == (
        503,
        "Das Dashboard wird gerade gewartet",
        "de",
    )


def test_the_admin_names_what_it_lists_in_german(cast, as_user):
    cast.sam.choose_language("de")
    page = as_user(cast.sam).get("/admin/accounts/membership/")
    assert {"Benutzer", "Organisation", "Rolle", "Erstellt"} <= set(page.texts("thead .text"))
    assert "Aktivitätseinträge" in page
    chosen = as_user(cast.sam).get("/admin/auth/group/add/").texts("#id_permissions option")
    assert "Personen und Organisationen | Organisation: ändern" in chosen
    assert [text for text in chosen if "Can " in text] == []
