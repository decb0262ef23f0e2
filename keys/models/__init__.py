"""Keys and what they may do."""

from keys.models.billing import BillingType
from keys.models.feed import GatewayAck, GatewayChange, GatewayFeed, GatewayNode
from keys.models.key import ApiKey
from keys.models.key_product import KeyProduct
from keys.models.product import Product, Route
from keys.models.qps_request import QpsRequest
from keys.models.secret import KeyringCheck, KeySecret
from keys.models.submission import Submission

__all__ = [
    "ApiKey",
    "BillingType",
    "GatewayAck",
    "GatewayChange",
    "GatewayFeed",
    "GatewayNode",
    "KeyProduct",
    "KeySecret",
    "KeyringCheck",
    "Product",
    "QpsRequest",
    "Route",
    "Submission",
]
