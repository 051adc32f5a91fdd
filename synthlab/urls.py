"""Every page and the API."""

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("synthlab.api")),
    path("", include("synthlab.core.urls")),
    path("", include("synthlab.accounts.urls")),
    path("", include("generation.urls")),
    path("", include("evaluation.urls")),
    path("", include("annotation.urls")),
]
