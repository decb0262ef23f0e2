"""All settings. Each that the environment can change is described in docs/settings.md (a test compares the two)."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from dashboard import brand, colours, secrets

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()

# Where it runs ------------------------------------------------------------------------------------------------------
DEVELOPMENT = env.bool("DEBUG", default=False)
# Django's own DEBUG only decides here who gets its technical error pages; without them even the demo answers as production.
DEBUG = DEVELOPMENT and env.bool("TECHNICAL_ERRORS", default=False)
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var")))
MAINTENANCE_PATH = DATA_DIR / "maintenance"  # while this file is there the dashboard answers 503, with its text
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEVELOPMENT else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
GATEWAY_URL = env.str("GATEWAY_URL", default="http://localhost:8001").rstrip("/")
GATEWAY_ORIGIN = "{0.scheme}://{0.netloc}".format(urlsplit(GATEWAY_URL))

_first_host = (
    f"https://{ALLOWED_HOSTS[0].lstrip('.')}" if ALLOWED_HOSTS and not DEVELOPMENT else "http://localhost:8000"
)
DASHBOARD_URL = env.str("DASHBOARD_URL", default=_first_host).rstrip("/")

# Secrets: in development made once and kept in DATA_DIR, in production given or refused ------------------------------
_secrets = {
    name: env.ENVIRON.get(name, "").strip()  # env.str would take a secret that begins with $ as a variable's name
    for name in ("SECRET_KEY", "KEY_PEPPERS", "KEY_MASTER_KEYS", "DATABASE_URL")
}
if DEVELOPMENT:
    _secrets |= {name: made for name, made in secrets.development(DATA_DIR).items() if not _secrets.get(name)}
for _name, _value in _secrets.items():
    if not _value:
        raise ImproperlyConfigured(f"{_name} is not set: production does not start without it (see docs/settings.md).")
if not DEVELOPMENT and secrets.EMBEDDED_MARK in _secrets["DATABASE_URL"]:
    raise ImproperlyConfigured("DATABASE_URL names the embedded PostgreSQL, which is for development and tests only.")
SECRET_KEY = _secrets["SECRET_KEY"]
KEY_PEPPERS = _secrets["KEY_PEPPERS"]
KEY_MASTER_KEYS = _secrets["KEY_MASTER_KEYS"]
KEY_PREFIX = env.str("KEY_PREFIX", default="lk")

# What is installed --------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "dashboard",
    "notices",
    "accounts",
    "keys",
    "analytics",
    "alerts",
    "support",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "django_htmx",
    "template_partials",
    "csp",
    "procrastinate.contrib.django",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
]
MIDDLEWARE = [
    "dashboard.middleware.request_id",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "dashboard.middleware.sound_headers",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "dashboard.languages.of_device",
    "dashboard.middleware.busy",
    "dashboard.middleware.health",
    "dashboard.middleware.maintenance",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "dashboard.languages.of_person",
    "dashboard.middleware.sound_addresses",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.signin.recent.sets_no_key_aside",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.organization",
    "accounts.access.control",
    "dashboard.middleware.private_pages",
    "dashboard.middleware.htmx_redirects",
    "accounts.signin.sessions.note_activity",
    "accounts.signin.required.second_factor",
    "accounts.middleware.only_looks",
]
ROOT_URLCONF = "dashboard.urls"
FORM_RENDERER = "dashboard.fields.Renderer"  # so that templates/django/forms/field.html is ours
WSGI_APPLICATION = "dashboard.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.context.site",
            ],
            "builtins": [
                "django.templatetags.static",
                "django.templatetags.i18n",
                "django.templatetags.l10n",
                "dashboard.templatetags.ui",
            ],
        },
    }
]

# Data ---------------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.db_url_config(_secrets["DATABASE_URL"])}
DATABASES["default"]["HOST"] = unquote(DATABASES["default"]["HOST"])  # a socket's folder, written %2Fpath in the URL
DATABASES["default"].setdefault("OPTIONS", {})
# Compiling a statement over millions of usage rows, and starting workers for it, takes longer than running it; an address may bring
# options of its own.
DATABASES["default"]["OPTIONS"].setdefault(
    "options", "-c jit=off -c max_parallel_workers_per_gather=0 -c plan_cache_mode=force_generic_plan"
)
DATABASES["default"]["OPTIONS"]["pool"] = {
    "min_size": 1,
    "max_size": env.int("DATABASE_POOL_SIZE", default=8),
    "timeout": 5,
}
DATABASE_WAIT_SECONDS = env.int("DATABASE_WAIT_SECONDS", default=20)
# Whether statements of every page are prepared (dashboard/statements.py); only those, whatever the threshold is.
DATABASE_PREPARES = env.bool("DATABASE_PREPARES", default=True)
DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 5 if DATABASE_PREPARES else None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 200_000},
    }
}

# People -------------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.signin.backend.PersonBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "keys:list"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "keys.registration.RegistrationForm"
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "signup": "accounts.forms.RegisterForm",
    "add_email": "accounts.forms.ChangeAddressForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "set_password": "accounts.forms.SetPasswordForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
    "reauthenticate": "accounts.forms.ConfirmPasswordForm",
}
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # an open session alone does not move an account to another address
ACCOUNT_REAUTHENTICATION_TIMEOUT = 60 * env.int("RECENT_SIGN_IN_MINUTES", default=15)
ACCOUNT_EMAIL_NOTIFICATIONS = True
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)

# Second factors and single sign-on ----------------------------------------------------------------------------------
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", default=not DEVELOPMENT)
MFA_ADAPTER = "accounts.signin.factors.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "accounts.signin.forms.CodeForm",
    "reauthenticate": "accounts.signin.forms.CodeAgainForm",
    "activate_totp": "accounts.signin.forms.SetUpAppForm",
    "add_webauthn": "accounts.signin.forms.AddPasskeyForm",
    "edit_webauthn": "accounts.signin.forms.RenamePasskeyForm",
    "login_webauthn": "accounts.signin.forms.PasskeySignInForm",
    "authenticate_webauthn": "accounts.signin.forms.PasskeyForm",
    "reauthenticate_webauthn": "accounts.signin.forms.PasskeyAgainForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
# Clocks of phones are wrong by some seconds; accounts/signin/forms.py takes a code once all the same.
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODE_DIGITS = 10
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody signs in before their address is confirmed; this is about a change under way
OIDC_NAME = env.str("OIDC_NAME", default="your company")
OIDC_DOMAINS = [domain.lower() for domain in env.list("OIDC_DOMAINS", default=[])]
OIDC_SERVER_URL = env.str("OIDC_SERVER_URL", default="").rstrip("/")
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
_oidc_secret = env.ENVIRON.get("OIDC_CLIENT_SECRET", "").strip()
if OIDC_SERVER_URL and not (OIDC_CLIENT_ID and _oidc_secret):
    raise ImproperlyConfigured(
        "OIDC_SERVER_URL is set: single sign-on needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET too."
    )
_oidc_app = {
    "provider_id": "oidc",
    "name": OIDC_NAME,
    "client_id": OIDC_CLIENT_ID,
    "secret": _oidc_secret,
    "settings": {"server_url": OIDC_SERVER_URL, "oauth_pkce_enabled": True},
}
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [_oidc_app] if OIDC_SERVER_URL else []}}
SOCIALACCOUNT_ADAPTER = "accounts.signin.single_sign_on.SingleSignOnAdapter"
SOCIALACCOUNT_FORMS = {"signup": "accounts.signin.forms.FirstSignInForm"}
SOCIALACCOUNT_AUTO_SIGNUP = False  # a new person names their organisation first
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True  # by an address that the provider has verified; see the adapter
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
# A link starts single sign-on: `form-action` of the content security policy would hold for the provider's pages too.
SOCIALACCOUNT_LOGIN_ON_GET = True

# Mail ---------------------------------------------------------------------------------------------------------------
BRAND_NAME = MFA_TOTP_ISSUER = env.str("BRAND_NAME", default="Latchkey")
DEFAULT_FROM_EMAIL = brand.sender(env.str("DEFAULT_FROM_EMAIL", default="latchkey@localhost"), BRAND_NAME)
vars().update(env.email_url_config(env.str("EMAIL_URL", default="smtp://localhost:25")))
EMAIL_TIMEOUT = 10
if DEVELOPMENT and "EMAIL_URL" not in os.environ:
    EMAIL_BACKEND = "dashboard.mail.DevelopmentBackend"

# The provider's own colour and logo ------------------------------------------------------------------------------------
BRAND_COLOUR = env.str("BRAND_COLOUR", default="")
BRAND_LOGO = env.str("BRAND_LOGO", default="")
try:
    BRAND_SHADES = colours.shades(BRAND_COLOUR) if BRAND_COLOUR else {}
    BRAND_LOGO_CONTENT = brand.read_logo(BRAND_LOGO)
except (colours.ColourError, brand.BrandError) as error:
    raise ImproperlyConfigured(f"BRAND_COLOUR or BRAND_LOGO: {error}") from None

# Words and times ----------------------------------------------------------------------------------------------------
FORMAT_MODULE_PATH = "dashboard.formats"
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]  # each by its own name, as people look for it
LANGUAGE_COOKIE_NAME = "latchkey_language"
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Files --------------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEVELOPMENT
        else "dashboard.static_files.Storage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEVELOPMENT

# Browser ------------------------------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # pages that try a key add the gateway
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
HTTPS = env.bool("HTTPS", default=not DEVELOPMENT)
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("TRUST_X_FORWARDED_PROTO", default=False) else None
)
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "latchkey_session"
SESSION_ENGINE = "accounts.signin.store"

# What a person may do how often, and what the product keeps how long --------------------------------------------------
# Longer than making an account takes: the time of the answer must not tell whether the address has one.
REGISTRATION_SECONDS = 0.6
REVEALS_PER_HOUR = env.int("REVEALS_PER_HOUR", default=60)
INVITATIONS_PER_HOUR = env.int("INVITATIONS_PER_HOUR", default=30)
GRACE_MAX_DAYS = env.int("GRACE_MAX_DAYS", default=30)
KEYS_PER_ORGANIZATION = env.int("KEYS_PER_ORGANIZATION", default=20_000)
REQUEST_LOG_DAYS = env.int("REQUEST_LOG_DAYS", default=3)
# How long lists of keys take all hours but the running one and the one before for the same (analytics/key_pins.py).
USAGE_REMEMBERED_SECONDS = env.int("USAGE_REMEMBERED_SECONDS", default=600)
# Internal networks that webhooks may reach all the same: for trying them out on one's own machine, never in production.
ALERT_WEBHOOK_NETWORKS = env.list("ALERT_WEBHOOK_NETWORKS", default=[]) if DEVELOPMENT else []
SUPPORT_EMAIL = env.str("SUPPORT_EMAIL", default="support@localhost")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "dashboard.logs.Line",
            "format": "{asctime} {levelname} {name} [{request_id}] {message}",
            "style": "{",
        }
    },
    "filters": {"request_id": {"()": "dashboard.request_ids.RequestIdFilter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"procrastinate": {"level": "WARNING"}},  # otherwise several lines for each job
}
# E-mail is unique by a constraint on its lower case, which the check does not see.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
