"""Pages of evaluation."""

from django.urls import path

from evaluation.views import batches, evaluations

urlpatterns = [
    path("batches/", batches.batch_list, name="batch-pages"),
    path("batches/<uuid:pk>/", batches.batch_detail, name="batch-page"),
    path("evaluations/<uuid:pk>/", evaluations.evaluation_detail, name="evaluation-page"),
]
