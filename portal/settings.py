"""All settings; every value comes from the environment or .env and fails here, at start, when it is wrong."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()  # type: ignore[no-untyped-call]  # NAME, or NAME_FILE with the path of a secret
env.read_env(env.str("ENV_FILE", default=str(BASE_DIR / ".env")))

PRODUCTION = env.bool("PRODUCTION", default=False)
DEBUG = env.bool("DEBUG", default=False)
PRODUCT_NAME = env.str("PRODUCT_NAME", default="Candour")

PORTAL_DATA = Path(env.str("PORTAL_DATA", default=str(BASE_DIR / ".data"))).resolve()
UPLOADS = PORTAL_DATA / "uploads"
EXPORTS = PORTAL_DATA / "exports"  # downloads that were prepared
RUN_DIR = PORTAL_DATA / "run"  # pid files, locks, the stop flag
PORT = env.int("PORT", default=8000)
BIND_ADDRESS = env.str("BIND_ADDRESS", default="127.0.0.1")
PUBLIC_URL = env.str("PUBLIC_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")

SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is not set. ./run makes one for development; in production set it yourself.")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL])

INSTALLED_APPS = [
    "portal",
    "accounts",
    "verification",
    "portal.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "portal.middleware.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.middleware.PrivateCacheMiddleware",
    "portal.middleware.ProbeStateMiddleware",
    "portal.middleware.ZoneMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "portal.impersonation.ImpersonationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.web.devices.DeviceMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"

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
                "portal.context.product",
            ],
        },
    },
]

# Postgres.  Time-outs go by the role of the process, so that no statement or forgotten transaction holds rows for ever.
ROLE_TIMEOUTS_MS = {  # role: (statement, idle in transaction)
    "web": (15_000, 10_000),
    "drain": (30_000, 15_000),
    "cluster": (290_000, 60_000),  # intake of a big list is one long COPY
    "sweeper": (60_000, 15_000),
    "webhooks": (60_000, 15_000),
    "command": (0, 0),
}
PORTAL_ROLE = env.str("PORTAL_ROLE", default="command")
if PORTAL_ROLE not in ROLE_TIMEOUTS_MS:
    raise ImproperlyConfigured(f"PORTAL_ROLE is {PORTAL_ROLE!r}; it must be one of {', '.join(ROLE_TIMEOUTS_MS)}.")


def database_options(role: str) -> str:
    """Give the libpq options that set the time-outs of a role, and its name for whoever looks at the database."""
    statement, idle = ROLE_TIMEOUTS_MS[role]
    times = f"-c statement_timeout={statement} -c idle_in_transaction_session_timeout={idle}"
    return f"{times} -c application_name=portal-{role}"


if not env.str("DATABASE_URL", default=""):
    raise ImproperlyConfigured("DATABASE_URL is not set. Start with ./run, which brings its own Postgres.")
DATABASES = {"default": env.db("DATABASE_URL")}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a Postgres database (postgres://…).")
DATABASES["default"] |= {
    "CONN_MAX_AGE": 0 if PORTAL_ROLE == "command" else 60,
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {**DATABASES["default"].get("OPTIONS", {}), "options": database_options(PORTAL_ROLE)},
}
if PORTAL_ROLE == "web":  # under ASGI each request has a thread, which would open a connection of its own and leave it
    DATABASES["default"] |= {"CONN_MAX_AGE": 0}
    # a database that is away is given up soon, and asked again by the next request
    DATABASES["default"]["OPTIONS"] |= {"pool": {"min_size": 1, "max_size": 16, "timeout": 5, "reconnect_timeout": 2}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}

# People
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
SIGN_UP = env.str("SIGN_UP", default="invitation")
if SIGN_UP not in ("open", "invitation", "closed"):
    raise ImproperlyConfigured(f"SIGN_UP is {SIGN_UP!r}; it must be open, invitation or closed.")
SIGN_UP_QUOTA = env.int("SIGN_UP_QUOTA", default=100)  # monthly checks of an account that somebody opened by themselves
ACCOUNT_ADAPTER = "accounts.web.adapter.PortalAdapter"
ACCOUNT_FORMS = {"signup": "accounts.web.sign_up.SignUpForm"}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_CHANGE_EMAIL = True  # one address a person; a new one counts once it is confirmed
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # of the session that changes it; all others end
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {"reset_password": "20/m/ip"}  # not by address: strangers would block the way back in
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION  # http://localhost; browsers allow no passkeys for bare addresses
MFA_TOTP_ISSUER = PRODUCT_NAME
MFA_TOTP_TOLERANCE = 1  # clocks of phones drift: one step either way, as RFC 6238 proposes
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", default=PRODUCTION)  # no admin page without one
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = False  # htmx sends it as a header
MAILBOX = "portal.mailbox.Mailbox"
EMAIL_BACKEND = env.str(
    "EMAIL_BACKEND", default="django.core.mail.backends.smtp.EmailBackend" if PRODUCTION else MAILBOX
)
HAS_MAILBOX = EMAIL_BACKEND == MAILBOX
if PRODUCTION and HAS_MAILBOX:
    raise ImproperlyConfigured("EMAIL_BACKEND keeps all mail for staff to read: not in production.")
EMAIL_HOST = env.str("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.int("EMAIL_PORT", default=25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=False)
EMAIL_USE_SSL = env.bool("EMAIL_USE_SSL", default=False)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="portal@localhost")
EMAIL_TIMEOUT = 10  # seconds; some mail is sent while somebody waits for a page
STAFF_MAIL = env.list("STAFF_MAIL", default=[])  # who hears of customers' wishes; empty: all staff

# The wire
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # asked by machines beside us, without TLS
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=365 * 24 * 3600 if PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
BEHIND_TLS_PROXY = env.bool("BEHIND_TLS_PROXY", default=False)
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024  # the ASGI layer bounds each route below this
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
UPLOAD_MEGABYTES = env.int("UPLOAD_MEGABYTES", default=100)  # largest upload there is; an account may have less
UPLOAD_TOTAL_MEGABYTES = 3 * UPLOAD_MEGABYTES  # of the files of one form

STATIC_URL = "static/"
STATIC_ROOT = PORTAL_DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]  # English is in the sources
USE_TZ = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.auth.LicenseKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "verification.api.errors.problem_details",
}
SPECTACULAR_SETTINGS = {
    "TITLE": f"{PRODUCT_NAME} API",
    "DESCRIPTION": "Email verification: one address at a time, or jobs answered row by row.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "verification.api.schema_edition3.add_paths",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# Each machine has a queue of its own, as a list can only be read where its file is; whoever does not hear a bell looks
# each second for work (the sweeper).
MACHINE = hashlib.sha256(f"{socket.gethostname()}\0{PORTAL_DATA}".encode()).hexdigest()[:16]
Q_BROKER = env.str("Q_BROKER", default="")
if Q_BROKER and not Q_BROKER.startswith(("redis://", "rediss://")):
    raise ImproperlyConfigured("Q_BROKER must be redis://… or rediss://…; without it the queue is in Postgres.")

# The bell.  retry counts from prefetch: queue_limit = workers and bulk 1 keep it honest.
# Processes that work on jobs: a core each, as long as mail servers' answers keep them busy.
DRAINS = max(1, env.int("DRAINS", default=min(4, os.cpu_count() or 1)))
Q_WORKERS = env.int("Q_WORKERS", default=DRAINS + 3)  # one works on what killed others, two read lists
WORKER_MEMORY_MB = env.int("WORKER_MEMORY_MB", default=1_500)  # address space of a worker that drains; 0: no bound
Q_CLUSTER = {
    "name": "portal",
    "cluster_name": f"portal-{MACHINE}",
    **({"broker_class": "portal.redis_bells.RedisBells", "redis": Q_BROKER} if Q_BROKER else {"orm": "default"}),
    "workers": Q_WORKERS,
    "queue_limit": Q_WORKERS,
    "bulk": 1,
    "timeout": 300,
    "retry": 660,
    "ack_failures": True,
    "max_attempts": 3,
    "save_limit": -1,
    "recycle": 50,
    "poll": 0.2,
    "catch_up": False,
    "label": "Queue",
}

# Probing.  A nameless probe earns a bad name: without HELO_NAME and PROBE_SENDER only DNS is asked outside the mail
# world.
HELO_NAME = env.str("HELO_NAME", default="")
PROBE_SENDER = env.str("PROBE_SENDER", default="")
RESOLVERS = env.list("RESOLVERS", default=[])  # host:port; empty: those of /etc/resolv.conf
# Greylisted and transient rows of jobs are tried again these minutes after the try before, then hourly, for
# GREYLIST_HOURS after their first try and JOB_HOURS after the job's start at the latest.  RETRY_MINUTES replaces all of
# it: so many tries, so far apart, and the last is final.  In development that is done while one looks on.
RETRY_MINUTES = [float(minutes) for minutes in env.list("RETRY_MINUTES", default=[] if PRODUCTION else ["0.1", "0.2"])]
GREYLIST_HOURS = env.float("GREYLIST_HOURS", default=24.0)  # the bound of all accounts' own greylist_hours
JOB_HOURS = env.float("JOB_HOURS", default=24.0)
SOURCE_ADDRESSES = env.list("SOURCE_ADDRESSES", default=[])
PROBE_CONCURRENCY = env.int("PROBE_CONCURRENCY", default=1_000)  # addresses in flight in one drain
PROBE_PER_HOST = env.int("PROBE_PER_HOST", default=5)  # connections per mail-host organisation
ALLOWED_NETWORKS = env.list("ALLOWED_NETWORKS", default=[])  # inside networks opened to probes
MAIL_WORLD = env.bool("MAIL_WORLD", default=not PRODUCTION)
WEBHOOKS_ANYWHERE = env.bool("WEBHOOKS_ANYWHERE", default=not PRODUCTION)  # to this machine, by http, on any port
MAIL_WORLD_DNS = env.str("MAIL_WORLD_DNS", default="127.1.0.53:5453")
MAIL_WORLD_SMTP_PORT = env.int("MAIL_WORLD_SMTP_PORT", default=2525)
if PRODUCTION and (MAIL_WORLD or ALLOWED_NETWORKS or WEBHOOKS_ANYWHERE):
    raise ImproperlyConfigured(
        "MAIL_WORLD, ALLOWED_NETWORKS and WEBHOOKS_ANYWHERE open inside networks to strangers: not in production."
    )

# What the doctor asks: mail hosts of different operators that are hardly ever all down, and lists of bad addresses.
PORT_25_HOSTS = env.list(
    "PORT_25_HOSTS",
    default=["mx.ok.test", "mx.plain.test", "mx.bulk.test"]
    if MAIL_WORLD
    else [
        *("gmail-smtp-in.l.google.com", "mta5.am0.yahoodns.net", "mx01.mail.icloud.com", "mx00.gmx.net"),
        "outlook-com.olc.protection.outlook.com",
    ],
)
BLOCKLISTS = env.list(
    "BLOCKLISTS",
    default=["dnsbl.test"] if MAIL_WORLD else ["zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com"],
)

CLAMD = env.str("CLAMD", default="")  # virus scanner: an absolute path of a socket, or host:port

# Harm done on purpose, by tests.
FAILPOINT = env.str("FAILPOINT", default="")  # where to die: verification/domain/failpoints.py
KILLERS = env.bool("KILLERS", default=False)  # addresses below .test that harm their worker
if PRODUCTION and (FAILPOINT or KILLERS):
    raise ImproperlyConfigured("FAILPOINT and KILLERS let processes die on purpose: not in production.")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "portal.logs.ContextFilter"}},
    "formatters": {
        "line": {"()": "portal.logs.OneLineFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "line", "filters": ["context"]}
    },
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"level": "INFO"},
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},  # it logs URLs, which may hold secrets of customers
        "django-q": {"handlers": [], "level": "INFO", "propagate": True},
    },
}
