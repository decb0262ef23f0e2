"""Bulk actions of the admin: ask on a page between, then act on all chosen rows in one transaction."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import models, transaction
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dashboard import words
from keys import pasted
from keys.refusals import Refusal

SHOWN = 20


class ReasonForm(forms.Form):
    """Why, in words that the customer reads."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        help_text=gettext_lazy("The customer reads this."),
        widget=forms.TextInput(attrs={"class": "vTextField input", "autocomplete": "off"}),
        validators=[pasted.refuse_key],
    )


class NoteForm(forms.Form):
    """What the customer is told with a decision, if anything."""

    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=500,
        required=False,
        help_text=gettext_lazy("The customer reads this in the dashboard and in the mail. It may stay empty."),
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        validators=[pasted.refuse_key],
    )


class RejectionForm(NoteForm):
    """A refusal says why."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].required = True
        help_text = _("Why, and what to do instead. The customer reads this in the dashboard and in the mail.")
        self.fields["note"].help_text = help_text


@dataclass(frozen=True, slots=True)
class Question:
    """What the page between asks."""

    action: str
    title: str
    explanation: str
    button: str


def answered(request: HttpRequest, form_class: type[forms.Form]) -> forms.Form:
    """Return the form, bound when it comes from the page between and not from the list."""
    return form_class(request.POST) if "answered" in request.POST else form_class()


def ask(
    model_admin: admin.ModelAdmin,
    request: HttpRequest,
    rows: models.QuerySet[Any],
    form: forms.Form,
    question: Question,
) -> TemplateResponse:
    """Show what was chosen and the form; it is sent to the list again, with the same choice."""
    across = request.POST.get("select_across") == "1"
    chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
    count = rows.count()
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.model._meta,
        "title": question.title,
        "question": question,
        "form": form,
        "shown": list(rows[:SHOWN]),
        "count": count,
        "more": max(0, count - SHOWN),
        "chosen": chosen[:1] if across else chosen,
        "select_across": across,
        "checkbox_name": ACTION_CHECKBOX_NAME,
    }
    status = 422 if form.is_bound else 200
    return TemplateResponse(request, "admin/bulk_action.html", context, status=status)


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the rows: how many changed, how many were so already, and why others were refused."""

    done: int
    unchanged: int
    refused: tuple[str, ...]


def perform(rows: Iterable[Any], verb: Callable[[Any], bool]) -> Tally:
    """Run a verb on each row in one transaction. It says whether it changed the row; a Refusal leaves that row as it was.

    Any other error undoes all.
    """
    done, unchanged, refused = 0, 0, []
    with transaction.atomic():
        for row in rows:
            try:
                with transaction.atomic():
                    changed = verb(row)
            except Refusal as refusal:
                refused.append(f"{row} ({row.public_id}): {refusal}")
            else:
                done, unchanged = done + changed, unchanged + (not changed)
    return Tally(done, unchanged, tuple(refused))


def report(request: HttpRequest, tally: Tally, *, done: Any, unchanged: Any = "") -> None:
    """Tell how many rows changed, how many did not, and each refusal.

    `done` and `unchanged` are sentences of `ngettext_lazy(…, …, "number")` with `%(shown)s` for how many.
    """
    if tally.done:
        messages.success(request, done % _counted(tally.done))
    if tally.unchanged:
        messages.info(request, unchanged % _counted(tally.unchanged))
    for sentence in tally.refused[:SHOWN]:
        messages.warning(request, sentence)
    if (more := len(tally.refused) - SHOWN) > 0:
        said = ngettext("%(shown)s more were refused.", "%(shown)s more were refused.", more)
        messages.warning(request, said % _counted(more))
    if not (tally.done or tally.unchanged or tally.refused):
        messages.warning(request, _("Nothing was changed: the chosen rows are no longer there."))


def _counted(number: int) -> dict[str, Any]:
    return {"number": number, "shown": words.number(number)}
