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

from keys import pasted
from keys.refusals import Refusal

SHOWN = 20


class ReasonForm(forms.Form):
    """Why, in words that the customer reads."""

    reason = forms.CharField(
        max_length=300,
        help_text="The customer reads this.",
        widget=forms.TextInput(attrs={"class": "vTextField input", "autocomplete": "off"}),
        validators=[pasted.refuse_key],
    )


class NoteForm(forms.Form):
    """What the customer is told with a decision, if anything."""

    note = forms.CharField(
        max_length=500,
        required=False,
        help_text="The customer reads this in the dashboard and in the mail. It may stay empty.",
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        validators=[pasted.refuse_key],
    )


class RejectionForm(NoteForm):
    """A refusal says why."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].required = True
        self.fields[
            "note"
        ].help_text = "Why, and what to do instead. The customer reads this in the dashboard and in the mail."


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


def report(request: HttpRequest, tally: Tally, *, one: str, many: str, unchanged: str) -> None:
    """Tell how many rows changed, how many did not, and each refusal."""
    if tally.done:
        messages.success(request, f"1 {one}." if tally.done == 1 else f"{tally.done:,} {many}.")
    if tally.unchanged:
        messages.info(request, f"{tally.unchanged:,} {unchanged}.")
    for sentence in tally.refused[:SHOWN]:
        messages.warning(request, sentence)
    if len(tally.refused) > SHOWN:
        messages.warning(request, f"{len(tally.refused) - SHOWN:,} more were refused.")
    if not (tally.done or tally.unchanged or tally.refused):
        messages.warning(request, "Nothing was changed: the chosen rows are no longer there.")
