"""Create, edit and delete a key."""

import uuid

import pytest
from django.utils import timezone

from accounts.models import AuditEvent, Plan
from keys.models import ApiKey
from tests import factories
from tests.factories import string_of


def ids(*codes):
    return [str(product.pk) for product in factories.products(*codes)]


def new_key(ada, **changes):
    fields = {"name": "Web shop", "products": ids("search"), "allowed_domains": "example.com, *.example.org\nlocalhost"}
    return ada.submit("/keys/create/", **fields | changes)


def test_creating_makes_a_key_and_shows_its_page(cast, ada):
    page = new_key(ada, billing_type="evaluation")
    key = ApiKey.objects.get(name="Web shop")
    assert page["Location"] == f"/keys/{key.public_id}/"
    assert key.organization == cast.northwind
    assert key.billing_type == "evaluation"
    assert [product.code for product in key.products.all()] == ["search"]
    assert key.allowed_domains == ["example.com", "*.example.org", "localhost"]
    event = AuditEvent.objects.get(verb="key.created", target_id=key.public_id)
    assert (event.actor, event.organization) == (cast.ada, cast.northwind)
    assert string_of(key) not in ada.get(page["Location"]).source


@pytest.mark.parametrize(
    ("plan", "types"),
    [
        (Plan.ENTERPRISE, ["paying", "evaluation", "free"]),
        (Plan.FREEMIUM, ["freemium"]),
        (Plan.PAY_AS_YOU_GROW, ["pay_as_you_grow", "freemium"]),
    ],
)
def test_the_billing_types_are_those_of_the_plan(cast, ada, plan, types):
    cast.northwind.plan = plan
    cast.northwind.save()
    page = ada.get("/keys/create/")
    assert [box.get("value") for box in page.all("[name=billing_type]")] == types
    foreign = "freemium" if plan == Plan.ENTERPRISE else "paying"
    assert new_key(ada, billing_type=foreign).status == 422
    assert not ApiKey.objects.filter(name="Web shop").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 81}, "at most 80 characters"),
        ({"name": "a\u0000b"}, "The name has characters that cannot be shown."),
        ({"products": []}, "Choose at least one product."),
        ({"products": ["999999"]}, "This cannot be chosen here."),
        ({"allowed_domains": "example.com, https://shop.example.com/"}, "“https://shop.example.com/” is an address"),
        ({"allowed_domains": "exa mple..com"}, "“exa” is not a full domain name"),
        ({"allowed_domains": "*.com"}, "“*.com” is too wide"),
        ({"allowed_domains": "shop.*.com"}, "has a * that is not the first label"),
    ],
)
def test_a_wrong_field_says_so_and_nothing_is_lost(cast, ada, changes, message):
    page = new_key(ada, **changes)
    assert page.status == 422
    assert message in page
    assert page.one("[name=name]").get("value", "") == changes.get("name", "Web shop").replace("\u0000", "�")
    assert not ApiKey.objects.filter(name="Web shop").exists()


def test_sending_the_form_twice_makes_one_key(cast, ada):
    token = str(uuid.uuid4())
    first, second = new_key(ada, token=token), new_key(ada, token=token)
    assert first["Location"] == second["Location"]
    assert ApiKey.objects.filter(name="Web shop").count() == 1


def test_editing_changes_name_products_and_domains_and_keeps_limits(cast, ada):
    cast.key.key_products.filter(product__code="search").update(qps_limit=50)
    page = ada.submit(
        f"/keys/{cast.key.public_id}/edit/",
        name="Fleet",
        products=ids("search", "routing"),
        allowed_domains="münchen.example",
    )
    assert page.status == 302
    cast.key.refresh_from_db()
    assert cast.key.name == "Fleet"
    assert cast.key.allowed_domains == ["xn--mnchen-3ya.example"]
    limits = dict(cast.key.key_products.values_list("product__code", "qps_limit"))
    assert limits == {"search": 50, "routing": None}
    event = AuditEvent.objects.get(verb="key.edited")
    assert event.before["products"] == ["Map Display API", "Search API"]
    assert event.after["products"] == ["Search API", "Routing API"]


def test_editing_in_the_list_swaps_only_the_row(cast, ada):
    page = ada.submit(f"/keys/{cast.key.public_id}/edit/", htmx=True, name="Fleet two")
    assert page["HX-Retarget"] == f"#{cast.key.public_id}"
    assert page["HX-Reswap"] == "outerHTML"
    assert page.source.lstrip().startswith('<li class="key-row"')
    assert "Fleet two" in page


def test_editing_what_somebody_else_changed_meanwhile_is_refused(cast, ada, as_user):
    url = f"/keys/{cast.key.public_id}/edit/"
    version = ada.get(url).one("[name=version]").get("value")
    as_user(cast.ben).submit(url, name="Ben was here")
    page = ada.submit(url, name="Ada too", version=version)
    assert page.status == 422
    assert "Someone else changed this key a moment ago" in page
    cast.key.refresh_from_db()
    assert cast.key.name == "Ben was here"


def test_a_field_of_the_model_that_is_not_in_the_form_cannot_be_set(cast, ada):
    url = f"/keys/{cast.key.public_id}/edit/"
    before = ApiKey.objects.values().get(pk=cast.key.pk)
    foreign = {"organization": cast.other.pk, "organization_id": cast.other.pk, "billing_type": "free", "public_id": "key_X",
               "disabled_reason": "x", "deleted_at": "2020-01-01", "expires_at": "2020-01-01", "last_used_at": "2020-01-01"}  # fmt: skip
    ada.submit(url, name="Fleet", **foreign)
    after = ApiKey.objects.values().get(pk=cast.key.pk)
    assert {name for name in after if after[name] != before[name]} == {"name", "version"}


def test_an_idle_key_is_deleted_without_typing(cast, ada):
    url = f"/keys/{cast.key.public_id}/delete/"
    assert ada.get(url).all("[name=name]") == []
    assert ada.submit(url)["Location"] == f"/keys/?deleted={cast.key.public_id}"
    cast.key.refresh_from_db()
    assert cast.key.deleted_by == cast.ada
    assert "Fleet tracking" not in ada.get("/keys/").texts(".key-name h2")
    assert ada.get(f"/keys/{cast.key.public_id}/").status == 404


def test_a_key_in_use_is_deleted_only_with_its_name(cast, ada):
    ApiKey.objects.filter(pk=cast.key.pk).update(last_used_at=timezone.now())
    url = f"/keys/{cast.key.public_id}/delete/"
    assert not ada.get(url).all(".optional")
    for wrong in ("", "fleet tracking", "Fleet"):
        assert ada.submit(url, name=wrong).status == 422
    cast.key.refresh_from_db()
    assert cast.key.deleted_at is None
    assert ada.submit(url, name=" Fleet tracking ").status == 302
    cast.key.refresh_from_db()
    assert cast.key.deleted_at


def test_deleting_in_the_list_takes_the_row_out(cast, ada):
    page = ada.submit(f"/keys/{cast.key.public_id}/delete/", htmx=True)
    assert (page["HX-Retarget"], page["HX-Reswap"]) == (f"#{cast.key.public_id}", "delete")


PATHS = ["", "edit/", "delete/", "reveal/", "rotate/", "retire/", "extend/", "qps/"]


@pytest.mark.parametrize("path", PATHS)
def test_another_customers_key_is_not_there(cast, as_user, path):
    mallory = as_user(cast.mallory)
    url = f"/keys/{cast.key.public_id}/{path}"
    for htmx in (False, True):
        for page in (mallory.get(url, htmx=htmx), mallory.post(url, {"name": "x", "version": "1"}, htmx=htmx)):
            assert page.status == 404
            assert "Fleet" not in page.source


@pytest.mark.parametrize("path", PATHS[1:])
def test_viewers_change_nothing(cast, as_user, path):
    vera = as_user(cast.vera)
    url = f"/keys/{cast.key.public_id}/{path}"
    before = ApiKey.objects.values().get(pk=cast.key.pk)
    assert vera.get(url).status == (405 if path == "reveal/" else 403)
    assert vera.post(url, {"name": "x", "version": "1", "token": str(uuid.uuid4())}).status == 403
    assert vera.get("/keys/create/").status == vera.post("/keys/create/").status == 403
    assert ApiKey.objects.values().get(pk=cast.key.pk) == before


def test_nobody_reaches_keys_without_signing_in(cast, client):
    for path in ["/keys/", "/keys/create/"] + [f"/keys/{cast.key.public_id}/{path}" for path in PATHS]:
        for answer in (client.get(path), client.post(path)):
            assert answer.status_code == 302
            assert answer["Location"].startswith("/accounts/login/")
