"""Why requests failed, in words: status and outcome (the gateway's words) as a sentence, and what to do about it. No database."""

from dataclasses import dataclass

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from dashboard.words import Words

ANSWERED = "ok"
OVER_QPS = "over_qps"


@dataclass(frozen=True, slots=True)
class Reason:
    """`words` name it in a table, `clause` follows "because", `advice` says what to do."""

    words: str
    clause: str
    advice: str


REFUSALS: dict[str, tuple[Words, Words, Words]] = {
    OVER_QPS: (
        _("Over the QPS limit"),
        _("the QPS limit was reached"),
        _("Send fewer requests at once and wait for Retry-After, or ask for a higher limit."),
    ),
    "missing_key": (_("No key"), _("no key was sent"), _("Send the key as ?key=, X-Api-Key or Authorization: Bearer.")),
    "malformed_key": (_("Mistyped key"), _("the key was mistyped"), _("Copy the key again from API & SDK keys.")),
    "unknown_key": (_("Unknown key"), _("the key is unknown"), _("Copy the key again from API & SDK keys.")),
    "expired_key": (
        _("Key or old string expired"),
        _("an expired string was used"),
        _("An old string stops when its grace ends. Copy the current one from API & SDK keys."),
    ),
    "deleted_key": (
        _("Key deleted"),
        _("the key was deleted"),
        _("Something still uses this key. Give it another one, or stop it."),
    ),
    "disabled_key": (
        _("Key disabled"),
        _("the key was disabled"),
        _("Contact support, quoting the key ID, or enable the key."),
    ),
    "suspended": (
        _("Organisation suspended"),
        _("the organisation was suspended"),
        _("Contact support, quoting the organisation."),
    ),
    "no_such_route": (
        _("No such path"),
        _("the path belongs to no product"),
        _("Check the path of the request against the documentation."),
    ),
    "product_not_allowed": (
        _("Product not assigned"),
        _("the product is not assigned to the key"),
        _("Edit the key and assign the product."),
    ),
    "domain_not_allowed": (
        _("Domain not on the list"),
        _("the domain is not on the key's list"),
        _("Edit the key and add the domain, if it is yours."),
    ),
    "not_ready": (_("Gateway not ready"), _("the gateway was not ready"), _("Send the request again.")),
}

"""`words`, `clause` and `advice` of what the gateway refused."""

ANSWERS: dict[int, tuple[Words, Words]] = {
    400: (_("wrong parameters"), _("Check the parameters of the request.")),
    401: (_("not authenticated"), ""),
    403: (_("forbidden"), ""),
    404: (_("nothing found"), _("Nothing may be wrong: there is no result for these parameters.")),
    405: (_("wrong method"), _("Check whether the API wants GET or POST.")),
    408: (_("request took too long to arrive"), ""),
    413: (_("request too large"), _("Send less in one request.")),
    414: (_("address too long"), _("Send the parameters in the body.")),
    415: (_("wrong media type"), _("Check the Content-Type of the request.")),
    422: (_("parameters that do not fit together"), _("Check the parameters of the request.")),
    429: (_("too many requests"), _("The API has limits of its own beside the key's.")),
    500: (_("internal error"), _("Send the request again; support finds it by its Tracking-ID.")),
    502: (_("bad gateway"), _("Send the request again; support finds it by its Tracking-ID.")),
    503: (_("not available"), _("Send the request again later.")),
    504: (_("took too long"), _("Ask for less in one request, or send it again.")),
}


def explain(status: int, outcome: str) -> Reason:
    """Return the reason of a failed request; an unknown outcome is shown as the gateway wrote it."""
    if outcome == ANSWERED:
        what, advice = ANSWERS.get(status, (_("an error") if status >= 500 else _("a refusal"), ""))
        told = {"status": status, "what": what}
        clause = gettext("the API answered %(status)s (%(what)s)") % told
        return Reason(gettext("Answered by the API: %(what)s") % told, clause, str(advice))
    if outcome in REFUSALS:
        return Reason(*(str(text) for text in REFUSALS[outcome]))
    return Reason(outcome.replace("_", " ").capitalize(), gettext("of %(outcome)s") % {"outcome": outcome}, "")


@dataclass(frozen=True, slots=True)
class Fix:
    """The page of a key on which a cause can be mended: `edit`, `qps` or `detail`, and the words of the link to it."""

    page: str
    words: Words


FIXES = {
    OVER_QPS: Fix("qps", _("Manage QPS")),
    "product_not_allowed": Fix("edit", _("Assign it")),
    "domain_not_allowed": Fix("edit", _("Edit its domains")),
    "expired_key": Fix("detail", _("See its strings")),
    "disabled_key": Fix("detail", _("See the key")),
}


def advise(reason: Reason, outcome: str, products: str, *, are_several: bool, key: str) -> str:
    """Return what to do about a refusal, with the products' and the key's names where they are the answer."""
    if outcome == "product_not_allowed" and products and key:
        text = ngettext(
            "%(products)s is not assigned to %(key)s.", "%(products)s are not assigned to %(key)s.", 1 + are_several
        )
        return text % {"products": products, "key": key}
    return reason.advice
