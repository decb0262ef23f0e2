"""Keys, products, QPS requests and what the gateways report, in the admin."""

from keys.admin import feed, key, product, qps_request

__all__ = ["feed", "key", "product", "qps_request"]
