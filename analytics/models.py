"""Usage: counted outcomes. The rows are written by the gateway's shipper in SQL (gateway/usage.py), read by sources.py.

Rows by key answer questions about keys. Rows by organisation hold the same sums without the key, so that a page of a customer
with thousands of keys reads as little as that of one with five. Both are written in one transaction.

The four metrics partition the requests: total = successful + QPS breaches (429) + other 4XX + 5XX. `product_id` 0 means that the path
belonged to no product.
"""

import uuid

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dashboard import words

NO_PRODUCT = 0


class Counts(models.Model):
    """What each usage row adds up. `peak_qps` is the highest number of requests of one key and product in any one second."""

    organization_id = models.BigIntegerField()
    product_id = models.BigIntegerField(default=NO_PRODUCT)
    requests = models.BigIntegerField(default=0)
    over_qps = models.BigIntegerField(default=0)
    errors_4xx = models.BigIntegerField(default=0)
    errors_5xx = models.BigIntegerField(default=0)
    peak_qps = models.IntegerField(default=0)
    duration_ms_sum = models.BigIntegerField(default=0)
    duration_count = models.BigIntegerField(default=0)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.requests} requests"


class KeyCounts(Counts):
    """Counts of one key with one product."""

    key_id = models.BigIntegerField()

    class Meta(Counts.Meta):
        abstract = True


class UsageMinute(KeyCounts):
    """One key, product and string in one minute; kept 35 days, as the longest grace is 30."""

    pk = models.CompositePrimaryKey("key_id", "minute", "product_id", "secret_number")
    minute = models.DateTimeField()
    secret_number = models.IntegerField(default=0)

    class Meta:
        db_table = "usage_minute"
        indexes = [models.Index(fields=["organization_id", "minute"], name="usage_minute_organization")]


class UsageHour(KeyCounts):
    """One key and product in one hour of the organisation's time zone; kept 13 months."""

    pk = models.CompositePrimaryKey("key_id", "hour", "product_id")
    hour = models.DateTimeField()

    class Meta:
        db_table = "usage_hour"
        indexes = [models.Index(fields=["organization_id", "hour"], name="usage_hour_organization")]


class UsageDay(KeyCounts):
    """One key and product on one date of the organisation's time zone; kept 5 years."""

    pk = models.CompositePrimaryKey("key_id", "date", "product_id")
    date = models.DateField()

    class Meta:
        db_table = "usage_day"
        indexes = [models.Index(fields=["organization_id", "date"], name="usage_day_organization")]


class UsageMonth(KeyCounts):
    """One key and product in one month, by its first date, of the organisation's time zone; kept 5 years."""

    pk = models.CompositePrimaryKey("key_id", "month", "product_id")
    month = models.DateField()

    class Meta:
        db_table = "usage_month"
        indexes = [models.Index(fields=["organization_id", "month"], name="usage_month_organization")]


class OrganizationMinute(Counts):
    """All keys of an organisation with one product in one minute; kept 35 days."""

    pk = models.CompositePrimaryKey("organization_id", "minute", "product_id")
    minute = models.DateTimeField()

    class Meta:
        db_table = "usage_organization_minute"


class OrganizationHour(Counts):
    """All keys of an organisation with one product in one hour of its time zone; kept 13 months."""

    pk = models.CompositePrimaryKey("organization_id", "hour", "product_id")
    hour = models.DateTimeField()

    class Meta:
        db_table = "usage_organization_hour"


class OrganizationDay(Counts):
    """All keys of an organisation with one product on one date of its time zone; kept 5 years."""

    pk = models.CompositePrimaryKey("organization_id", "date", "product_id")
    date = models.DateField()

    class Meta:
        db_table = "usage_organization_day"


class UsageError(models.Model):
    """Why requests failed: status and outcome of one key and product in one hour; kept 13 months."""

    pk = models.CompositePrimaryKey("key_id", "hour", "product_id", "status", "outcome")
    organization_id = models.BigIntegerField()
    key_id = models.BigIntegerField()
    product_id = models.BigIntegerField(default=NO_PRODUCT)
    hour = models.DateTimeField()
    status = models.SmallIntegerField()
    outcome = models.CharField(max_length=24)
    requests = models.BigIntegerField(default=0)

    class Meta:
        db_table = "usage_error"
        indexes = [models.Index(fields=["organization_id", "hour"], name="usage_error_organization")]

    def __str__(self) -> str:
        return f"{self.requests} × {self.status} {self.outcome} of key {self.key_id}"


class OrganizationError(models.Model):
    """Why requests of an organisation failed: status, outcome and product on one date of its time zone; kept 13 months.

    `key_id` is one of the keys that it happened to, the last that was counted: an example to begin with.
    """

    pk = models.CompositePrimaryKey("organization_id", "date", "product_id", "status", "outcome")
    organization_id = models.BigIntegerField()
    product_id = models.BigIntegerField(default=NO_PRODUCT)
    date = models.DateField()
    status = models.SmallIntegerField()
    outcome = models.CharField(max_length=24)
    requests = models.BigIntegerField(default=0)
    key_id = models.BigIntegerField()

    class Meta:
        db_table = "usage_organization_error"

    def __str__(self) -> str:
        return f"{self.requests} × {self.status} {self.outcome}"


class ZoneChange(models.Model):
    """An organisation's hours and days were counted anew for another time zone, as far back as minutes went.

    `first_date` is the first date that is a whole day of the new zone. What came before `counted_from` stands as it was counted; the
    date before `first_date` is what lies between the two. `recounted_at` is empty until the work is done.
    """

    organization_id = models.BigIntegerField(_("organisation"))
    former_zone = models.CharField(_("former zone"), max_length=64)
    zone = models.CharField(_("new zone"), max_length=64)
    counted_from = models.DateTimeField(_("counted from"))
    first_date = models.DateField(_("first date"))
    changed_at = models.DateTimeField(_("changed at"))
    recounted_at = models.DateTimeField(_("recounted at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("change of a time zone"), _("changes of time zones")
        db_table = "usage_zone_change"
        indexes = [models.Index(fields=["organization_id", "-changed_at"], name="usage_zone_change_latest")]

    def __str__(self) -> str:
        return f"{self.former_zone} → {self.zone}"


class RequestRecord(models.Model):
    """One answered request, for support and explanations; kept REQUEST_LOG_DAYS. `key_id` is null when the string was unknown."""

    at = models.DateTimeField(_("at"), db_index=True)
    tracking_id = models.CharField(_("Tracking-ID"), max_length=100, db_index=True)
    organization_id = models.BigIntegerField(_("organisation"), null=True)
    key_id = models.BigIntegerField(_("key"), null=True)
    product_id = models.BigIntegerField(default=NO_PRODUCT)
    secret_number = models.IntegerField(_("number of the string"), default=0)
    outcome = models.CharField(_("outcome"), max_length=24)
    status = models.SmallIntegerField(_("status"))
    host = models.CharField(_("host"), max_length=255, blank=True)
    network = models.CharField(_("network"), max_length=50, blank=True)
    client = models.CharField(_("client"), max_length=60, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("request in the log"), _("requests in the log")
        db_table = "request_log"
        indexes = [
            models.Index(fields=["key_id", "-at"], name="request_log_key"),
            models.Index(fields=["organization_id", "-at"], name="request_log_organization"),
        ]

    def __str__(self) -> str:
        return self.tracking_id


class UsageGap(models.Model):
    """Requests that a gateway answered while its disk took nothing: so many between two times are in no usage row."""

    node = models.CharField(_("gateway"), max_length=100)
    from_at = models.DateTimeField(_("from"))
    until_at = models.DateTimeField(_("until"), db_index=True)
    requests = models.BigIntegerField(_("requests that are counted nowhere"))

    class Meta:
        db_table = "usage_gap"
        verbose_name, verbose_name_plural = _("usage gap"), _("usage gaps")

    def __str__(self) -> str:
        return gettext("%(requests)s of %(node)s") % {"requests": words.requests(self.requests), "node": self.node}


class ReportedPage(models.Model):
    """Which tokens of one gateway process were reported and counted, one bit each of 4,096 (gateway/once.py)."""

    place = models.BinaryField(primary_key=True)
    taken = models.BinaryField()
    last_at = models.DateTimeField()

    class Meta:
        db_table = "gateway_reported"

    def __str__(self) -> str:
        return bytes(self.place).hex()


class JournalOffset(models.Model):
    """How much of a gateway's journal segment is in the usage tables; moved in the transaction that adds the usage."""

    segment = models.UUIDField(_("segment of the journal"), primary_key=True, default=uuid.uuid4)
    node = models.CharField(_("gateway"), max_length=100)
    offset = models.BigIntegerField(_("counted up to byte"), default=0)
    updated_at = models.DateTimeField(_("updated at"))

    class Meta:
        verbose_name, verbose_name_plural = _("journal"), _("journals")
        db_table = "gateway_journal"

    def __str__(self) -> str:
        return f"{self.node} {self.segment}"
