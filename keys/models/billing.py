"""Under which agreement requests are billed."""

from django.db import models

from accounts.models import Plan


class BillingType(models.TextChoices):
    """Under which agreement the requests of a key are billed."""

    PAYING = "paying", "Paying"
    EVALUATION = "evaluation", "Evaluation"
    FREE = "free", "Free"
    FREEMIUM = "freemium", "Freemium"
    PAY_AS_YOU_GROW = "pay_as_you_grow", "Pay as You Grow"

    @classmethod
    def of_plan(cls, plan: str) -> list["BillingType"]:
        """Those that the plan allows, the usual one first."""
        return {
            Plan.ENTERPRISE: [cls.PAYING, cls.EVALUATION, cls.FREE],
            Plan.PAY_AS_YOU_GROW: [cls.PAY_AS_YOU_GROW, cls.FREEMIUM],
            Plan.FREEMIUM: [cls.FREEMIUM],
        }[Plan(plan)]
