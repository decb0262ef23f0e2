"""Fill the benchmark's database: `python -m benchmarks.seed <file for the key strings>`. It is kept, and migrated by each run.

Rows are made in bulk, without the verbs and their audit log: 100,000 keys within seconds. What the gateway reads of a key
(the view `gateway_policy`) is the same.
"""

import sys
from pathlib import Path

ORGANIZATIONS, KEYS_EACH = 100, 1_000
KEYS_IN_USE = 1_000
DOMAIN = "www.example.com"


def seed(strings_path: Path) -> None:
    """Migrate; where they are missing, make organisations and keys, and write the strings of those that the load uses."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection, transaction

    from accounts.models import Organization, Plan
    from keys import tokens, vault
    from keys.models import ApiKey, KeyProduct, KeyringCheck, KeySecret, Product

    call_command("migrate", verbosity=0)
    if strings_path.exists():
        return
    print("Making 100,000 keys…", flush=True)
    KeyringCheck.verify()
    products = list(Product.objects.filter(code__in=["map-display", "search"]))
    strings: list[str] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # one snapshot instead of 300,000 changes
        for number in range(ORGANIZATIONS):
            organization = Organization.objects.create(
                name=f"Customer {number}", slug=f"c{number}", plan=Plan.ENTERPRISE
            )
            keys = ApiKey.objects.bulk_create(
                ApiKey(organization=organization, name=f"Key {each}", billing_type="paying", allowed_domains=[DOMAIN])
                for each in range(KEYS_EACH)
            )
            made = [tokens.make() for _ in keys]
            strings += made
            KeySecret.objects.bulk_create(
                KeySecret(key=key, number=1, digest=vault.digest(string), hint=tokens.hint(string))
                for key, string in zip(keys, made, strict=True)
            )
            KeyProduct.objects.bulk_create(KeyProduct(key=key, product=product) for key in keys for product in products)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    draft = strings_path.with_suffix(".draft")
    draft.write_text("\n".join(strings[:: len(strings) // KEYS_IN_USE]))
    draft.rename(strings_path)


if __name__ == "__main__":
    seed(Path(sys.argv[1]))
