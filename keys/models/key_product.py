"""What a key is valid for, with which limits."""

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from keys.models.product import Product


class KeyProduct(models.Model):
    """A product that a key is valid for, and its own limit where it has one."""

    key = models.ForeignKey("keys.ApiKey", verbose_name=_("key"), on_delete=models.CASCADE, related_name="key_products")
    product = models.ForeignKey(
        Product, verbose_name=_("product"), on_delete=models.CASCADE, related_name="key_products"
    )
    qps_limit = models.PositiveIntegerField(
        _("QPS limit"), null=True, blank=True, help_text=_("Empty: the product’s default.")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("product of a key"), _("products of keys")
        ordering = ["product__position", "product__name"]
        constraints = [
            models.UniqueConstraint(fields=["key", "product"], name="product_once_per_key"),
            models.CheckConstraint(
                condition=models.Q(qps_limit=None) | models.Q(qps_limit__gte=1), name="qps_limit_positive"
            ),
        ]
        indexes = [
            models.Index(
                fields=["key"], condition=models.Q(qps_limit__isnull=False), name="own_limits"
            ),  # few have one
        ]

    def __str__(self) -> str:
        return gettext("%(product)s for %(key)s") % {"product": self.product, "key": self.key}

    @property
    def limit(self) -> int:
        """Queries per second that are admitted."""
        return self.qps_limit if self.qps_limit is not None else self.product.default_qps
