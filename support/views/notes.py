"""Notes of staff about a person, a customer or a key."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.requests import PersonRequest
from support import find, queries
from support.forms import NoteForm
from support.models import SupportNote


@sensitive_post_parameters("text")
def notes(request: PersonRequest, about: str) -> HttpResponse:
    """Show the notes about something and take another one. A text with a key in it is refused and not shown again."""
    target = find.anything(about)
    form = NoteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        SupportNote.write(target=target, text=form.cleaned_data["text"], by=request.user)
        messages.success(request, _("The note is kept."))
        return redirect(queries.page_of(target))
    context: dict[str, Any] = {
        "tab": "support",
        "target": target,
        "page": queries.page_of(target),
        "about": target.public_id,
        "notes": queries.notes_about(target.public_id),
        "note_form": NoteForm(),
        "note_errors": form.errors.get("text", []),
    }
    return render(request, "support/notes.html", context, status=422 if form.is_bound else 200)
