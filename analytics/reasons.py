"""Why requests failed, in words: status and outcome (the gateway's words) as a sentence, and what to do about it. PURE."""

from dataclasses import dataclass

ANSWERED = "ok"
OVER_QPS = "over_qps"


@dataclass(frozen=True, slots=True)
class Reason:
    """`words` name it in a table, `clause` follows "because", `advice` says what to do."""

    words: str
    clause: str
    advice: str


REFUSALS = {
    OVER_QPS: Reason(
        "Over the QPS limit",
        "the QPS limit was reached",
        "Send fewer requests at once and wait for Retry-After, or ask for a higher limit.",
    ),
    "missing_key": Reason("No key", "no key was sent", "Send the key as ?key=, X-Api-Key or Authorization: Bearer."),
    "malformed_key": Reason("Mistyped key", "the key was mistyped", "Copy the key again from API & SDK keys."),
    "unknown_key": Reason("Unknown key", "the key is unknown", "Copy the key again from API & SDK keys."),
    "expired_key": Reason(
        "Key or old string expired",
        "an expired string was used",
        "An old string stops when its grace ends. Copy the current one from API & SDK keys.",
    ),
    "deleted_key": Reason(
        "Key deleted", "the key was deleted", "Something still uses this key. Give it another one, or stop it."
    ),
    "disabled_key": Reason(
        "Key disabled", "the key was disabled", "Contact support, quoting the key ID, or enable the key."
    ),
    "suspended": Reason(
        "Organisation suspended", "the organisation was suspended", "Contact support, quoting the organisation."
    ),
    "no_such_route": Reason(
        "No such path", "the path belongs to no product", "Check the path of the request against the documentation."
    ),
    "product_not_allowed": Reason(
        "Product not assigned", "the product is not assigned to the key", "Edit the key and assign the product."
    ),
    "domain_not_allowed": Reason(
        "Domain not on the list",
        "the domain is not on the key's list",
        "Edit the key and add the domain, if it is yours.",
    ),
    "not_ready": Reason("Gateway not ready", "the gateway was not ready", "Send the request again."),
}

ANSWERS = {
    400: ("wrong parameters", "Check the parameters of the request."),
    401: ("not authenticated", ""),
    403: ("forbidden", ""),
    404: ("nothing found", "Nothing may be wrong: there is no result for these parameters."),
    405: ("wrong method", "Check whether the API wants GET or POST."),
    408: ("request took too long to arrive", ""),
    413: ("request too large", "Send less in one request."),
    414: ("address too long", "Send the parameters in the body."),
    415: ("wrong media type", "Check the Content-Type of the request."),
    422: ("parameters that do not fit together", "Check the parameters of the request."),
    429: ("too many requests", "The API has limits of its own beside the key's."),
    500: ("internal error", "Send the request again; support finds it by its Tracking-ID."),
    502: ("bad gateway", "Send the request again; support finds it by its Tracking-ID."),
    503: ("not available", "Send the request again later."),
    504: ("took too long", "Ask for less in one request, or send it again."),
}


def explain(status: int, outcome: str) -> Reason:
    """Return the reason of a failed request; an unknown outcome is shown as the gateway wrote it."""
    if outcome == ANSWERED:
        what, advice = ANSWERS.get(status, ("an error" if status >= 500 else "a refusal", ""))
        return Reason(f"Answered by the API: {what}", f"the API answered {status} ({what})", advice)
    return REFUSALS.get(outcome) or Reason(outcome.replace("_", " ").capitalize(), f"of {outcome}", "")


@dataclass(frozen=True, slots=True)
class Fix:
    """The page of a key on which a cause can be mended: `edit`, `qps` or `detail`, and the words of the link to it."""

    page: str
    words: str


FIXES = {
    OVER_QPS: Fix("qps", "Manage QPS"),
    "product_not_allowed": Fix("edit", "Assign it"),
    "domain_not_allowed": Fix("edit", "Edit its domains"),
    "expired_key": Fix("detail", "See its strings"),
    "disabled_key": Fix("detail", "See the key"),
}


def advise(reason: Reason, outcome: str, products: str, *, are_several: bool, key: str) -> str:
    """Return what to do about a refusal, with the products' and the key's names where they are the answer."""
    if outcome == "product_not_allowed" and products and key:
        return f"{products} {'are' if are_several else 'is'} not assigned to {key}."
    return reason.advice
