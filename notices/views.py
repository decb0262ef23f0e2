"""What a person has been told, and how they want to hear it."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import middleware
from accounts.requests import PersonRequest
from notices import words
from notices.forms import ChoicesForm
from notices.models import Notice

PER_PAGE = 30


def notice_list(request: PersonRequest) -> HttpResponse:
    """Show what the person has been told, newest first."""
    visible = Notice.objects.visible_to(request.user)
    page = Paginator(visible.select_related("organization"), PER_PAGE).get_page(request.GET.get("page"))
    rows = [(notice, words.tell(notice)) for notice in page]
    context = {"tab": "notices", "page": page, "rows": rows, "unread": visible.unread().count()}
    return render(request, "notices/list.html", context)


def read_all(request: PersonRequest) -> HttpResponse:
    """Mark everything as read."""
    Notice.objects.visible_to(request.user).unread().update(read_at=timezone.now())
    return redirect("notices:list")


def notice(request: PersonRequest, notice_id: str) -> HttpResponse:
    """Show one notice; POST marks it as read and goes to what it is about, in the organisation where that is."""
    found = get_object_or_404(
        Notice.objects.visible_to(request.user).select_related("organization"), public_id=notice_id
    )
    target = words.target(found.kind_of, found.about)
    if request.method == "POST":
        found.mark_read()
        if found.organization and middleware.enter(request, found.organization.public_id):
            middleware.stay(request)
        return redirect(target or "notices:list")
    context = {"tab": "notices", "notice": found, "telling": words.tell(found), "target": target}
    return render(request, "notices/notice.html", context)


def choices(request: PersonRequest) -> HttpResponse:
    """Show and take when the person wants which mails."""
    form = ChoicesForm(request.POST if request.method == "POST" else None, person=request.user)
    if form.is_valid():
        form.save()
        messages.success(request, _("Your choices are kept."))
        return redirect("notices:choices")
    status = 422 if form.is_bound else 200
    return render(request, "notices/choices.html", {"tab": "notices", "form": form}, status=status)
