"""How the actions on organisations and people answer: a question in the dialog or as a page, then the page it is about."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from accounts.requests import PersonRequest
from dashboard import htmx
from keys.forms import ActionForm


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked before an action: its name, what it will do, the word on the button, and where `Cancel` leads."""

    title: str
    button: str
    back: str
    sentences: tuple[str, ...] = ()
    is_danger: bool = False


def ask(request: PersonRequest, question: Question, form: ActionForm) -> HttpResponse:
    """Show the question and its form; 422 when what was sent is wrong."""
    status = 422 if form.is_bound and form.errors else 200
    context = {"question": question, "form": form, "tab": "organization"}
    return htmx.render(request, "accounts/ask.html", "dialog", context, status=status)


def done(request: PersonRequest, message: str, to: str, *arguments: str) -> HttpResponse:
    """Say what happened on the page where it shows."""
    messages.success(request, message)
    return redirect(to, *arguments)
