"""Pages of evaluation."""

from django.urls import path

from evaluation.views import batches, evaluations, gallery, policies

urlpatterns = [
    path("batches/", batches.batch_list, name="batch-pages"),
    path("batches/<uuid:pk>/", batches.batch_detail, name="batch-page"),
    path("batches/<uuid:pk>/images/", gallery.batch_gallery, name="batch-gallery"),
    path("batches/<uuid:pk>/images/<int:index>/", gallery.batch_image, name="batch-image"),
    path("evaluations/<uuid:pk>/", evaluations.evaluation_detail, name="evaluation-page"),
    path("evaluations/<uuid:pk>/pairs/", evaluations.evaluation_pairs, name="evaluation-pairs"),
    path("evaluations/<uuid:pk>/compare/", evaluations.evaluation_compare, name="evaluation-compare"),
    path("gate-policies/", policies.policy_list, name="gate-policy-pages"),
    path("gate-policies/<uuid:pk>/", policies.policy_detail, name="gate-policy-page"),
]
