"""Work in another of one's organisations."""

import pytest

from accounts.models import Membership, Organization, Role
from alerts.models import Alert
from keys.models import ApiKey
from tests.factories import join

pytestmark = pytest.mark.django_db
WHERE = "/accounts/password/change/"


@pytest.fixture
def two(cast):
    """Ada is also a viewer of the other organisation."""
    join(cast.other, cast.ada, Role.VIEWER)
    return cast


def url(organization) -> str:
    return f"/organizations/{organization.public_id}/switch/"


def test_switching_shows_the_other_organisation_from_then_on(two, ada):
    assert ada.get(WHERE).one(".org-name").text == "Northwind Routing"
    page = ada.post(url(two.other))
    assert (page.status, page["Location"]) == (302, "/keys/")
    assert ada.get(WHERE).one(".org-name").text == "Other Maps"
    ada.post(url(two.northwind))
    assert ada.get(WHERE).one(".org-name").text == "Northwind Routing"


def test_the_menu_offers_ones_own_organisations_only(two, ada):
    assert [button.text_content() for button in ada.get(WHERE).all("#orgs button")] == [
        "Northwind RoutingEnterprise", "Other MapsEnterprise",
    ]  # fmt: skip


def test_with_htmx_the_whole_page_moves(two, ada):
    page = ada.post(url(two.other), htmx=True)
    assert (page.status, page["HX-Redirect"], page.source) == (204, "/keys/", "")
    assert ada.get(WHERE).one(".org-name").text == "Other Maps"


@pytest.mark.parametrize("htmx", [False, True])
def test_a_foreign_or_unknown_organisation_does_not_exist(cast, ada, htmx):
    for target in (url(cast.other), "/organizations/org_0000000000000000/switch/"):
        page = ada.post(target, htmx=htmx)
        assert page.status == 404
        assert "Other Maps" not in page
    assert ada.get(WHERE).one(".org-name").text == "Northwind Routing"


def test_following_a_link_switches_nothing(two, ada):
    assert ada.get(url(two.other)).status == 405
    assert ada.get(WHERE).one(".org-name").text == "Northwind Routing"


@pytest.mark.parametrize(
    ("page", "fields"),
    [
        ("/keys/create/", {"name": "Meant for Northwind", "products": ["1"]}),
        ("/analytics/time-zone/", {"time_zone": "Asia/Kathmandu"}),
        ("/alerts/create/?condition=silence", {"name": "Meant for Northwind"}),
    ],
)
def test_a_form_that_was_opened_before_switching_in_another_tab_does_nothing(cast, ada, page, fields):
    join(cast.other, cast.ada, Role.OWNER)
    opened = ada.get(page).fields(".sheet form") | fields
    ada.post(url(cast.other))
    answer = ada.post(page, opened)
    assert answer.status == 422
    assert "You have switched to Other Maps since this page was opened" in answer
    assert not ApiKey.objects.filter(name="Meant for Northwind").exists()
    assert not Alert.objects.exists()
    assert set(Organization.objects.values_list("time_zone", flat=True)) == {"UTC"}


def test_the_end_of_a_membership_counts_from_the_next_request(two, ada):
    ada.post(url(two.other))
    Membership.objects.filter(user=two.ada, organization=two.other).delete()
    assert ada.get(WHERE).one(".org-name").text == "Northwind Routing"
    assert ada.post(url(two.other)).status == 404


def test_without_any_membership_the_page_says_so(cast, as_user):
    Membership.objects.filter(user=cast.vera).delete()
    page = as_user(cast.vera).get("/keys/")
    assert page.status == 404
    assert "You belong to no organisation" in page
    assert page.all(".org-name") == []
