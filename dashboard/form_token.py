"""The token of a page's forms: one for the page, which is made of an organisation's menu, a row of each key, a theme and more."""

from typing import Any

from django.middleware.csrf import get_token


def of(request: Any) -> str:
    """Return the token. Django writes it otherwise each time that it is asked for, against BREACH; once for an answer is enough."""
    if not hasattr(request, "form_token"):
        request.form_token = get_token(request)
    token: str = request.form_token
    return token
