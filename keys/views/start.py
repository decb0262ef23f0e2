"""From a key to its first request, on one page."""

from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpResponse

from accounts.models import AuditEvent
from accounts.requests import MemberRequest
from dashboard import htmx
from keys import listing
from keys.snippets import test_requests
from keys.views.answers import own_key


@csp_update({"connect-src": [settings.GATEWAY_ORIGIN]})  # type: ignore[arg-type]  # it knows no request but Django's own
def start(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show how to copy, try and watch a key. htmx asks whether its first request has come: 204 until then."""
    key = own_key(request, public_id)
    if htmx.wants_fragment(request) and key.last_used_at is None:
        return HttpResponse(status=204)
    context = {
        "tab": "keys",
        "key": key,
        **listing.one_row(key),
        "was_copied": AuditEvent.objects.filter(target_id=key.public_id, verb="key.copied").exists(),
        "snippets": test_requests(settings.GATEWAY_URL, key.allowed_domains),
        "gateway_origin": settings.GATEWAY_ORIGIN,
    }
    return htmx.render(request, "keys/start.html", "arrival", context)
