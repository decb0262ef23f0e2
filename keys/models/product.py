"""The catalogue: products and the paths that belong to them. It is data; nothing in the code names a product."""

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class ProductQuerySet(models.QuerySet["Product"]):
    """Narrowings of the catalogue."""

    def active(self) -> "ProductQuerySet":
        """Those that keys can be given."""
        return self.filter(retired_at=None)


class Product(models.Model):
    """An API or SDK of the provider."""

    class Kind(models.TextChoices):
        """What a developer gets."""

        API = "api", "API"
        SDK = "sdk", "SDK"

    code = models.SlugField(
        _("code"), max_length=60, unique=True, help_text=_("For the API and for filters in addresses; never changes.")
    )
    name = models.CharField(_("name"), max_length=80, unique=True)
    kind = models.CharField(_("kind"), max_length=3, choices=Kind, default=Kind.API)
    default_qps = models.PositiveIntegerField(
        _("default QPS"),
        validators=[MinValueValidator(1)],
        help_text=_("Queries per second of a key that has no limit of its own."),
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0, help_text=_("Where it stands in lists."))
    retired_at = models.DateTimeField(
        _("retired at"),
        null=True,
        blank=True,
        help_text=_("From when on it is not offered and its paths are not served."),
    )

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("product"), _("products")
        ordering = ["position", "name"]
        constraints = [models.CheckConstraint(condition=models.Q(default_qps__gte=1), name="default_qps_positive")]

    def __str__(self) -> str:
        return self.name


def check_path_prefix(prefix: str) -> None:
    """Refuse a prefix that no request path can begin with."""
    if not prefix.startswith("/") or "//" in prefix or any(letter in prefix for letter in "?# %"):
        raise ValidationError(gettext("A path prefix begins with / and has no spaces, ?, #, // or percent signs."))


class Route(models.Model):
    """A path prefix of a product. Of all that a request's path begins with, the longest decides."""

    product = models.ForeignKey(Product, verbose_name=_("product"), on_delete=models.CASCADE, related_name="routes")
    path_prefix = models.CharField(_("path prefix"), max_length=200, unique=True, validators=[check_path_prefix])

    class Meta:
        verbose_name, verbose_name_plural = _("route"), _("routes")
        ordering = ["path_prefix"]

    def __str__(self) -> str:
        return self.path_prefix
