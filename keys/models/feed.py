"""What the gateways read: numbered changes, and what they report: how far each one is.

The rows are written by triggers (see the migration `gateway_feed`) and by the gateways, never from Django.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class GatewayFeed(models.Model):
    """The one row that numbers the changes; its lock makes the order of numbers the order of commits."""

    id = models.SmallIntegerField(primary_key=True)
    number = models.BigIntegerField(_("number"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("gateway feed"), _("gateway feed")
        db_table = "gateway_feed"

    def __str__(self) -> str:
        return str(self.number)


class GatewayChange(models.Model):
    """Something that decides about requests changed: a key, an organisation, or (neither) the catalogue."""

    number = models.BigIntegerField(_("number"), primary_key=True)
    key_id = models.BigIntegerField(null=True)
    organization_id = models.BigIntegerField(null=True)
    at = models.DateTimeField(_("at"), db_index=True)

    class Meta:
        verbose_name, verbose_name_plural = _("change for gateways"), _("changes for gateways")
        db_table = "gateway_change"
        indexes = [models.Index(fields=["key_id", "-number"], name="gateway_change_of_key")]

    def __str__(self) -> str:
        return str(self.number)


class GatewayAck(models.Model):
    """That a gateway applied all changes up to a number, and when by the database's clock. Kept as long as the changes."""

    pk = models.CompositePrimaryKey("node", "number")
    node = models.CharField(max_length=100)
    number = models.BigIntegerField()
    at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "gateway_ack"

    def __str__(self) -> str:
        return f"{self.node} {self.number}"


class GatewayNode(models.Model):
    """A gateway process: which change it has applied, and until when its usage is in the database. One that was stopped said so."""

    name = models.CharField(_("name"), max_length=100, primary_key=True)
    started_at = models.DateTimeField(_("started at"))
    seen_at = models.DateTimeField(_("last report"))
    ended_at = models.DateTimeField(_("ended at"), null=True)
    applied_number = models.BigIntegerField(_("last change applied"), default=0)
    applied_at = models.DateTimeField(_("applied at"))
    shipped_until = models.DateTimeField(_("requests counted until"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("gateway"), _("gateways")
        db_table = "gateway_node"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
