"""The whole REST surface on one screen: the one router, mounted at /api/v1/."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from synthlab.accounts.api.me import MeView
from synthlab.accounts.api.tokens import TokenViewSet
from synthlab.accounts.api.users import UserViewSet
from synthlab.core.api.audit import AuditEventViewSet
from synthlab.core.api.jobs import JobViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)

# --- people and the floor ---
router.register("users", UserViewSet, "user")
router.register("tokens", TokenViewSet, "token")
router.register("jobs", JobViewSet, "job")
router.register("audit-events", AuditEventViewSet, "audit-event")

# --- generation ---

# --- evaluation ---

# --- annotation ---

urlpatterns = [
    path("", include(router.urls)),
    path("me", MeView.as_view(), name="me"),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
]
