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

handler400 = "synthlab.core.views.bad_request"
handler403 = "synthlab.core.views.forbidden"
handler404 = "synthlab.core.views.not_found"
handler500 = "synthlab.core.views.server_error"
