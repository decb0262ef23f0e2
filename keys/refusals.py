"""Why a verb did not act. The message is for the person, in a sentence."""


class Refusal(Exception):
    """A verb refused and changed nothing."""


class StaleVersion(Refusal):
    """The form was made from an older state of the key."""


class TooManyReveals(Refusal):
    """The person copied too many keys in the last hour."""


class NotInPlan(Refusal):
    """The organisation's plan does not have this."""
