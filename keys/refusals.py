"""Why a verb did not act. The message is for the person, in a sentence."""


class Refusal(Exception):
    """A verb refused and changed nothing."""


class StaleVersion(Refusal):
    """The form was made from an older state of the key."""


class TooManyReveals(Refusal):
    """The person copied too many keys in the last hour."""


class NotInPlan(Refusal):
    """The organisation's plan does not have this."""


class OutsidePolicy(Refusal):
    """The organisation's policy does not allow this."""


class NotCopyable(Refusal):
    """No copy of the string is handed out."""


class DisabledByStaff(Refusal):
    """The provider's people disabled the key; only they enable it."""
