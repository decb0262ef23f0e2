"""The page Activity: what happened in an organisation, and its CSV."""

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from accounts import activity
from accounts.activity_form import ActivityForm
from accounts.requests import MemberRequest
from dashboard import brand, htmx

PAGE = "accounts/activity.html"


def activity_list(request: MemberRequest) -> HttpResponse:
    """Show who did what, newest first; with htmx the list alone."""
    form = ActivityForm(request.GET, organization=request.organization)
    if not form.is_valid():
        return _wrong(request, form)
    page = activity.page(form.filters(), form.cleaned_data["before"])
    context = {"tab": "activity", "form": form, "page": page, "is_narrowed": any(request.GET.values())}
    return htmx.render(request, PAGE, "list", context)


def csv(request: MemberRequest) -> HttpResponseBase:
    """Send all that the filters leave as CSV, line by line; a wrong filter is shown as on the page."""
    form = ActivityForm(request.GET, organization=request.organization)
    if not form.is_valid():
        return _wrong(request, form)
    response = StreamingHttpResponse(activity.lines(form.filters()), content_type="text/csv; charset=utf-8")
    today = timezone.now().astimezone(request.organization.zone).date()
    response["Content-Disposition"] = f'attachment; filename="{brand.file_prefix()}-activity-until-{today}.csv"'
    return response


def _wrong(request: MemberRequest, form: ActivityForm) -> HttpResponse:
    return htmx.render(request, PAGE, "list", {"tab": "activity", "form": form}, status=422)
