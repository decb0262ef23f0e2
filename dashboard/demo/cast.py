"""Who and what the demo shows. Data only."""

from dataclasses import dataclass, field

PASSWORD = "latchkey demo"  # noqa: S105  (a demo on one's own machine; printed at start)
ADMIN = "admin@latchkey.example"


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A key: `daily` successful requests on a weekday for each product code, and what happened to it.

    `age_days` since it was made; `story` names what befell it (see seed.py); `breaches` is the product that goes over its
    limit in busy hours, `failing` the share of 4XX answers.
    """

    name: str
    daily: dict[str, int]
    domains: tuple[str, ...] = ()
    billing: str | None = None
    age_days: int = 120
    story: tuple[str, ...] = ()
    breaches: str = ""
    failing: float = 0.004
    weekends: float = 0.3


@dataclass(frozen=True, slots=True)
class AlertSpec:
    """An alert, of a key by its name or of all keys, that a person (by their place) set some days ago."""

    name: str
    condition: str
    threshold: int
    key: str = ""
    minutes: int = 60
    least_requests: int = 100
    age_days: int = 10
    person: int = 0
    webhook_url: str = ""


@dataclass(frozen=True, slots=True)
class CustomerSpec:
    """A customer with its people (e-mail, name, role; the first one owns it)."""

    name: str
    plan: str
    time_zone: str
    people: tuple[tuple[str, str, str], ...]
    keys: tuple[KeySpec, ...] = field(default=())
    alerts: tuple[AlertSpec, ...] = field(default=())


NORTHWIND = CustomerSpec(
    "Northwind Routing",
    "enterprise",
    "Europe/Amsterdam",
    (
        ("ada@northwind.example", "Ada Nowak", "owner"),
        ("ben@northwind.example", "Ben Okafor", "developer"),
        ("vera@northwind.example", "Vera Lindqvist", "viewer"),
    ),
    (
        KeySpec("Fleet tracking backend", {"routing": 21_000, "traffic": 64_000, "snap-to-roads": 9_000, "matrix-routing": 4_000},
                age_days=400, story=("rotated long ago", "qps approved")),
        KeySpec("Web shop store locator", {"maps-sdk-web": 6_000, "map-display": 52_000, "search": 7_500, "geocoding": 800},
                ("shop.northwind.example", "*.northwind.example", "localhost"), age_days=380, story=("in grace",), weekends=0.9),
        KeySpec("Dispatch console", {"matrix-routing": 17_000, "routing": 24_000, "traffic": 14_000, "search": 4_200},
                ("dispatch.northwind.example",), age_days=300, breaches="matrix-routing", failing=0.01, story=("qps pending",)),
        KeySpec("Address check at checkout", {"search": 13_000, "geocoding": 9_000, "reverse-geocoding": 2_500},
                ("shop.northwind.example",), age_days=170, weekends=1.1, breaches="geocoding", story=("qps rejected",)),
        KeySpec("Driver app, Android", {"navigation-sdk": 11_000, "traffic": 6_000, "ev-charging-availability": 900},
                age_days=364, story=("expires soon",)),
        KeySpec("Driver app, iOS", {"navigation-sdk": 8_000, "traffic": 4_500, "ev-charging-availability": 1_100}, age_days=364),
        KeySpec("My first API key", {"map-display": 30, "search": 12}, ("localhost",), billing="free", age_days=620, weekends=0.1),
        KeySpec("Partner portal (2024)", {"map-display": 1_800, "search": 500},
                ("partners.northwind.example", "*.northwind-partners.example"), age_days=600, story=("disabled",)),
        KeySpec("Batch geocoder, staging", {"geocoding": 0, "batch-search": 0}, billing="evaluation", age_days=7, story=("unused",)),
        KeySpec("Nightly matrix job", {"matrix-routing": 7_500, "waypoint-optimization": 700}, age_days=210, weekends=1.0),
        KeySpec("Depot geofences", {"geofencing": 3_600, "notifications": 1_400, "location-history": 2_200}, age_days=150),
        KeySpec("EV trip planner, evaluation", {"extended-routing": 340, "ev-charging-availability": 420}, billing="evaluation",
                age_days=40, story=("expired",)),
        KeySpec("Courier prototype", {"routing": 240, "search": 130}, billing="evaluation", age_days=88, story=("deleted",)),
    ),
    (
        AlertSpec("Dispatch fails", "errors", 5, "Dispatch console", age_days=12, person=1),
        AlertSpec("Matrix routing near its limit", "peak", 120, "Dispatch console", minutes=60, age_days=3, person=1),
        AlertSpec("Checkout is silent", "silence", 24, "Address check at checkout", age_days=45,
                  webhook_url="https://hooks.northwind.example/latchkey"),
        AlertSpec("Five million a month", "volume", 5_000_000, age_days=80),
    ),
)  # fmt: skip

HALDEN = CustomerSpec(
    "Halden Freight",
    "pay_as_you_grow",
    "Europe/Oslo",
    (("hanna@halden.example", "Hanna Berg", "owner"), ("jonas@halden.example", "Jonas Lie", "admin")),
    (
        KeySpec("My first API key", {"map-display": 90, "routing": 25}, age_days=190),
        KeySpec("Freight board", {"map-display": 14_000, "routing": 6_200, "search": 2_300},
                ("board.halden.example", "www.halden.example"), age_days=180, story=("rotated",)),
        KeySpec("Quote calculator", {"routing": 8_400, "waypoint-optimization": 500}, age_days=160, breaches="routing"),
        KeySpec("Tracking page", {"map-display": 9_000, "geocoding": 700}, ("track.halden.example",), age_days=140, weekends=0.8),
        KeySpec("Warehouse screens", {"map-display": 4_000, "traffic": 2_800}, age_days=120, weekends=1.0),
        KeySpec("ERP integration", {"geocoding": 1_900, "batch-search": 300}, age_days=95, failing=0.07),
        KeySpec("Ferry timetable", {"search": 260, "traffic": 700}, age_days=75, weekends=1.2, story=("in grace",)),
        KeySpec("Trainee sandbox", {"map-display": 10}, billing="freemium", age_days=30, story=("unused since",)),
        KeySpec("Old customs tool", {"search": 410}, age_days=188, story=("deleted",)),
    ),
)  # fmt: skip

TIDEWATER = CustomerSpec(
    "Tidewater Mobility",
    "freemium",
    "Asia/Kolkata",
    (("tara@tidewater.example", "Tara Iyer", "owner"),),
    (
        KeySpec("My first API key", {"map-display": 140, "search": 60}, age_days=95),
        KeySpec("Scooter map", {"map-display": 2_100, "search": 480, "reverse-geocoding": 350},
                ("*.tidewater.example", "localhost"), age_days=90, weekends=1.4, breaches="search"),
        KeySpec("Rider app", {"routing": 420, "ev-charging-availability": 160}, age_days=80, weekends=1.3),
        KeySpec("Operations", {"geofencing": 260, "location-history": 330}, age_days=60),
        KeySpec("Landing page", {"maps-sdk-web": 190}, ("tidewater.example", "www.tidewater.example"), age_days=55, failing=0.12),
        KeySpec("Hackathon", {"map-display": 75}, age_days=45, story=("disabled by owner",)),
        KeySpec("Prototype", {"routing": 0}, age_days=3, story=("unused",)),
    ),
)  # fmt: skip

CUSTOMERS = (NORTHWIND, HALDEN, TIDEWATER)
