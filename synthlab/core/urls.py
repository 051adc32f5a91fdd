"""Pages of the floor, and health."""

from django.urls import path

from synthlab.core import views

urlpatterns = [
    path("", views.home, name="home"),
    path("jobs/", views.job_list, name="jobs"),
    path("jobs/<uuid:pk>/", views.job_detail, name="job"),
    path("audit/", views.audit, name="audit"),
    path("docs/", views.docs, name="docs"),
    path("docs/<path:path>", views.docs, name="docs-page"),
    path("livez", views.livez, name="livez"),
    path("readyz", views.readyz, name="readyz"),
]
