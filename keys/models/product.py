"""The catalogue: products and the paths that belong to them. It is data; nothing in the code names a product."""

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models


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
        max_length=60, unique=True, help_text="For the API and for filters in addresses; never changes."
    )
    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=3, choices=Kind, default=Kind.API)
    default_qps = models.PositiveIntegerField(
        "default QPS",
        validators=[MinValueValidator(1)],
        help_text="Queries per second of a key that has no limit of its own.",
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="Where it stands in lists.")
    retired_at = models.DateTimeField(
        null=True, blank=True, help_text="From when on it is not offered and its paths are not served."
    )

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["position", "name"]
        constraints = [models.CheckConstraint(condition=models.Q(default_qps__gte=1), name="default_qps_positive")]

    def __str__(self) -> str:
        return self.name


def check_path_prefix(prefix: str) -> None:
    """Refuse a prefix that no request path can begin with."""
    if not prefix.startswith("/") or "//" in prefix or any(letter in prefix for letter in "?# %"):
        raise ValidationError("A path prefix begins with / and has no spaces, ?, #, % or //.")


class Route(models.Model):
    """A path prefix of a product. Of all that a request's path begins with, the longest decides."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="routes")
    path_prefix = models.CharField(max_length=200, unique=True, validators=[check_path_prefix])

    class Meta:
        ordering = ["path_prefix"]

    def __str__(self) -> str:
        return self.path_prefix
