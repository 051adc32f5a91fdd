"""Pages of evaluation."""

from django.urls import path

from evaluation import views

urlpatterns = [
    path("batches/", views.batch_list, name="batch-pages"),
    path("batches/<uuid:pk>/", views.batch_detail, name="batch-page"),
    path("evaluations/<uuid:pk>/", views.evaluation_detail, name="evaluation-page"),
]
