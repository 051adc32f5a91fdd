"""All settings, from the environment, with safe defaults. `docs/reference/settings.md` lists them."""

from pathlib import Path

from synthlab.env import env, is_loopback, parse_database_url, read_secret, refuse_unsafe_listening
from synthlab.logs import logging_config

ROOT = Path(__file__).resolve().parent.parent
IS_SOURCE_TREE = (ROOT / "pyproject.toml").is_file()
SHARE = ROOT if IS_SOURCE_TREE else ROOT / "synthlab" / "_share"
HOME = env.path("SYNTHLAB_HOME", ROOT / "var" if IS_SOURCE_TREE else Path.home() / ".synthlab").resolve()
SYNTHLAB_HOME = HOME
DOCS_ROOT = SHARE / "docs"

# --- Where we listen, and what that demands -----------------------------------------------------
BIND = env.str("SYNTHLAB_BIND", "127.0.0.1:8000")
BEHIND_PROXY = env.bool("SYNTHLAB_BEHIND_PROXY", False)
# A proxy stands there for others, whatever address it finds us at.
ON_LOOPBACK = is_loopback(BIND) and not BEHIND_PROXY
DEBUG = env.bool("SYNTHLAB_DEBUG", False)
HTTPS = env.bool("SYNTHLAB_HTTPS", not ON_LOOPBACK)
LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = env.list("SYNTHLAB_ALLOWED_HOSTS", LOCAL_HOSTS)
CSRF_TRUSTED_ORIGINS = env.list("SYNTHLAB_TRUSTED_ORIGINS", [])
SECRET_KEY = read_secret("SYNTHLAB_SECRET_KEY", HOME / "secret")
refuse_unsafe_listening(
    on_loopback=ON_LOOPBACK,
    debug=DEBUG,
    https=HTTPS,
    hosts=ALLOWED_HOSTS,
    local_hosts=LOCAL_HOSTS,
    origins=CSRF_TRUSTED_ORIGINS,
)
WEB_ADDRESS = env.str("SYNTHLAB_WEB_ADDRESS", f"{'https' if HTTPS else 'http'}://{BIND}")

# --- Applications -------------------------------------------------------------------------------
INSTALLED_APPS = [
    "synthlab.core",
    "synthlab.accounts",
    "generation",
    "evaluation",
    "annotation",
    "synthlab.demo",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_structlog",
    "csp",
    "django_q",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "synthlab.core.middleware.ReferenceMiddleware",
    "synthlab.core.middleware.BodyLimitMiddleware",
    "synthlab.core.middleware.SessionAgeMiddleware",
    "synthlab.core.middleware.NoStoreMiddleware",
]
ROOT_URLCONF = "synthlab.urls"
WSGI_APPLICATION = "synthlab.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [SHARE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "synthlab.core.navigation.navigation",
            ]
        },
    }
]

# --- Database, cache, files ---------------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", f"sqlite:///{HOME / 'synthlab.sqlite3'}")
DATABASES = {"default": parse_database_url(DATABASE_URL)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE: a transaction that will write takes the lock at its start and waits for it there,
    # where waiting is safe; FULL: what was acknowledged survives a power cut.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "shared_cache",
    },
    "local": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}
MEDIA_ROOT = HOME / "media"
STAGING_ROOT = HOME / "staging"
WORK_ROOT = HOME / "work"
FEATURE_ROOT = HOME / "features"
GENERATOR_ROOT = HOME / "generators"
WEIGHTS_ROOT = HOME / "weights"  # of extractors, as `synthlab weights import` took them in
LOG_ROOT = HOME / "logs"
STATIC_URL = "/static/"
STATIC_ROOT = env.path("SYNTHLAB_STATIC_ROOT", HOME / "static")
# Pictures and archives are compressed already; source maps are for developers, and large.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (
    "gif",
    "gz",
    "ico",
    "jpeg",
    "jpg",
    "map",
    "png",
    "webp",
    "woff",
    "woff2",
    "zip",
)
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [SHARE / "static"]
_uplot = ROOT / "node_modules" / "uplot" / "dist"
if _uplot.is_dir():
    STATICFILES_DIRS.append(("vendor/uplot", _uplot))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "synthlab.core.static.ModuleManifestStorage"},
}
MAX_UPLOAD_BYTES = env.int("SYNTHLAB_MAX_UPLOAD_BYTES", 2 * 1024**3)
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024**2
DATA_UPLOAD_MAX_NUMBER_FILES = 20_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 0  # real images touch the disk only in the staging folder
FILE_UPLOAD_HANDLERS = ["synthlab.core.uploads.StagedUploadHandler"]
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_TEMP_DIR = STAGING_ROOT
STAGING_ROOT.mkdir(parents=True, exist_ok=True, mode=0o700)  # Django refuses every command without it

# --- People, sessions, web safety ---------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "synthlab.accounts.adapter.InvitedOnlyAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_SESSION_REMEMBER = True  # no box to tick; the age of a session is ours to set
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "20/m/ip,5/5m/key"}
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if BEHIND_PROXY else 0
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "SynthLab"
MFA_ADAPTER = "synthlab.accounts.adapter.SealedSecretsAdapter"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
SESSION_COOKIE_AGE = env.int("SYNTHLAB_SESSION_HOURS", 12, low=1, high=12) * 3600
SESSION_IDLE_SECONDS = env.int("SYNTHLAB_SESSION_IDLE_MINUTES", 30, low=1, high=30) * 60
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "synthlab.core.views.csrf_failure"
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# In Django 6's shape, so that its own SECURE_CSP can take this over unchanged.
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "blob:", "data:"],
    "connect-src": ["'self'"],
    "font-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
CONTENT_SECURITY_POLICY = {"DIRECTIVES": SECURE_CSP}

# --- API ----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "synthlab.accounts.authentication.TokenAuthentication",
        "synthlab.accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["synthlab.core.api.permissions.SignedIn"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "URL_FORMAT_OVERRIDE": None,  # `?format=` is ours, as in the archive of a batch
    "DEFAULT_PARSER_CLASSES": ["synthlab.core.api.parsers.BoundedJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "synthlab.core.api.pagination.CursorPages",
    "DEFAULT_FILTER_BACKENDS": ["synthlab.core.api.filters.DeclaredFilters"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["synthlab.core.api.throttling.PersonThrottle"],
    "DEFAULT_THROTTLE_RATES": {"person": env.str("SYNTHLAB_API_RATE", "6000/min")},
    "EXCEPTION_HANDLER": "synthlab.core.api.errors.handle_exception",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "SynthLab",
    "DESCRIPTION": "From a small real image data set to a clinician-approved synthetic one.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["synthlab.core.api.permissions.SignedIn"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- Long work ----------------------------------------------------------------------------------
JOB_LEASE_SECONDS = env.int("SYNTHLAB_JOB_LEASE_SECONDS", 60)
JOB_HEARTBEAT_SECONDS = env.float("SYNTHLAB_JOB_HEARTBEAT_SECONDS", 10)
JOB_SWEEP_SECONDS = env.float("SYNTHLAB_JOB_SWEEP_SECONDS", 15)
JOB_MAX_ATTEMPTS = 3
JOB_STOP_GRACE_SECONDS = env.float("SYNTHLAB_JOB_STOP_GRACE_SECONDS", 10)
JOB_CHECKPOINT_DAYS = env.int("SYNTHLAB_JOB_CHECKPOINT_DAYS", 14)
WORKER_STOP_SECONDS = env.float("SYNTHLAB_WORKER_STOP_SECONDS", 25)
TORCH_THREADS = env.int("SYNTHLAB_TORCH_THREADS", 0)  # 0: as many as there are processors
# A larger batch is made in parts, side by side; each starts a process anew, which takes seconds.
SHARD_IMAGES = env.int("SYNTHLAB_SHARD_IMAGES", 10_000, low=1)
# Features of a larger set are taken in parts of this size: a minute or two of a processor each.
EVALUATION_SHARD_IMAGES = env.int("SYNTHLAB_EVALUATION_SHARD_IMAGES", 4_000, low=1)
IMAGES_PER_DAY = env.int("SYNTHLAB_IMAGES_PER_DAY", 500_000, low=0)
# The Job row decides about attempts and leases; the queue only carries its id. So a message is
# redelivered late (retry far above timeout) and does nothing when its job has moved on.
Q_CLUSTER = {
    "name": "short",
    "orm": "default",
    "workers": env.int("SYNTHLAB_SHORT_WORKERS", 1),
    "timeout": 900,
    "retry": 1800,
    "max_attempts": 1,
    "ack_failures": True,
    "queue_limit": 1,
    "bulk": 1,
    "save_limit": 250,
    "catch_up": False,
    "scheduler": False,
    "label": "Queue",
    "poll": 0.5,
    "ALT_CLUSTERS": {
        "long": {
            "workers": env.int("SYNTHLAB_LONG_WORKERS", 1),
            "timeout": 86_400,
            "retry": 90_000,
            "max_attempts": 1,
            "ack_failures": True,
            "queue_limit": 1,
            "bulk": 1,
        }
    },
}

# --- Model service ------------------------------------------------------------------------------
MODEL_SERVICE_URL = env.str("SYNTHLAB_MODEL_SERVICE_URL", "http://127.0.0.1:8001")
MODEL_SERVICE_MEMORY_MIB = env.int("SYNTHLAB_MODEL_SERVICE_MEMORY_MIB", 512, low=1)
MODEL_SERVICE_SECRET = read_secret("SYNTHLAB_MODEL_SERVICE_SECRET", HOME / "model-service-secret")

# --- Words and logs -----------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"
LOGGING = logging_config(
    env.str("SYNTHLAB_LOG_FORMAT", "console"), env.log_level("SYNTHLAB_LOG_LEVEL", "INFO")
)
DJANGO_STRUCTLOG_COMMAND_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = False  # an id that anybody can choose finds nothing
DJANGO_STRUCTLOG_TRUST_UPSTREAM_CORRELATION_ID = False
