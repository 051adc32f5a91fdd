"""The whole REST surface on one screen: the one router, mounted at /api/v1/."""

from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from annotation.api.exemplars import ExemplarViewSet
from annotation.api.reads import ReadViewSet
from annotation.api.reviews import ItemViewSet, ReviewViewSet
from annotation.api.shortcuts import ShortcutsView
from annotation.api.snapshots import ExportViewSet, SnapshotViewSet
from annotation.api.studies import LabelSchemaViewSet, StudyViewSet
from evaluation.api.images import BatchImageViewSet
from evaluation.api.viewsets import (
    BatchDecisionViewSet,
    CopyReviewViewSet,
    EvaluationViewSet,
    GatePolicyViewSet,
    GeneratorApprovalViewSet,
    ImageSetViewSet,
)
from generation.api.batches import BatchViewSet, ImageViewSet
from generation.api.datasets import DatasetViewSet
from generation.api.generators import GeneratorViewSet
from generation.api.rejections import RejectionViewSet
from generation.api.trainings import TrainingViewSet
from generation.api.uploads import FileBodyParser, UploadViewSet
from synthlab.accounts.api.me import MeView
from synthlab.accounts.api.tokens import TokenViewSet
from synthlab.accounts.api.users import UserViewSet
from synthlab.core.api.audit import AuditEventViewSet
from synthlab.core.api.jobs import JobViewSet
from synthlab.core.api.schema import SchemaView

router = SimpleRouter(trailing_slash=False, use_regex_path=False)

# --- people and the floor ---
router.register("users", UserViewSet, "user")
router.register("tokens", TokenViewSet, "token")
router.register("jobs", JobViewSet, "job")
router.register("audit-events", AuditEventViewSet, "audit-event")

# --- generation ---
router.register("datasets", DatasetViewSet, "dataset")
router.register("trainings", TrainingViewSet, "training")
router.register("generators", GeneratorViewSet, "generator")
router.register("batches", BatchViewSet, "batch")
router.register("images", ImageViewSet, "image")

# --- evaluation ---
router.register("image-sets", ImageSetViewSet, "image-set")
router.register("evaluations", EvaluationViewSet, "evaluation")
router.register("gate-policies", GatePolicyViewSet, "gate-policy")

# --- annotation ---
router.register("label-schemas", LabelSchemaViewSet, "label-schema")
router.register("studies", StudyViewSet, "study")
router.register("items", ItemViewSet, "item")
router.register("reads", ReadViewSet, "read")
router.register("reviews", ReviewViewSet, "review")
router.register("snapshots", SnapshotViewSet, "snapshot")
router.register("exports", ExportViewSet, "export")

decisions = BatchDecisionViewSet.as_view({"get": "retrieve", "post": "create"})
_uploads, _upload = "datasets/<uuid:pk>/uploads", "datasets/<uuid:pk>/uploads/<uuid:upload>"
_rejections, _rejection = "datasets/<uuid:pk>/rejections", "datasets/<uuid:pk>/rejections/<uuid:rejection>"
_receive = UploadViewSet.as_view({"put": "receive"}, parser_classes=[FileBodyParser])
of_datasets = [
    path(_uploads, UploadViewSet.as_view({"post": "create"}), name="dataset-uploads"),
    path(_upload, UploadViewSet.as_view({"get": "retrieve", "delete": "destroy"}), name="dataset-upload"),
    path(f"{_upload}/files/<int:place>", _receive, name="dataset-upload-file"),
    path(f"{_upload}/ingest", UploadViewSet.as_view({"post": "finish"}), name="dataset-upload-ingest"),
    path(_rejections, RejectionViewSet.as_view({"get": "list"}), name="dataset-rejections"),
    path(
        f"{_rejections}/confirm",
        RejectionViewSet.as_view({"post": "confirm_all"}),
        name="dataset-rejections-confirm",
    ),
    *(
        path(
            f"{_rejection}/{name}", RejectionViewSet.as_view({method: name}), name=f"dataset-rejection-{name}"
        )
        for name, method in {"thumbnail": "get", "file": "get", "overrule": "post", "confirm": "post"}.items()
    ),
]

_exemplars, _exemplar = "studies/<uuid:pk>/exemplars", "studies/<uuid:pk>/exemplars/<uuid:exemplar>"
of_studies = [
    path(_exemplars, ExemplarViewSet.as_view({"get": "index", "post": "create"}), name="study-exemplars"),
    path(_exemplar, ExemplarViewSet.as_view({"delete": "destroy"}), name="study-exemplar"),
    path(f"{_exemplar}/pixels", ExemplarViewSet.as_view({"get": "pixels"}), name="study-exemplar-pixels"),
]

copy_reviews = CopyReviewViewSet.as_view({"post": "create"})
approvals = GeneratorApprovalViewSet.as_view({"post": "create"})

_images = "batches/<uuid:pk>/images"
of_batches = [
    path(_images, BatchImageViewSet.as_view({"get": "list"}), name="batch-images"),
    *(
        path(f"{_images}/{name}", BatchImageViewSet.as_view({method: name}), name=f"batch-images-{name}")
        for name, method in {
            "indexes": "get", "counts": "get", "cells": "get", "thumbnails": "get", "decisions": "get",
            "discard": "post", "restore": "post",
        }.items()
    ),
]  # fmt: skip

urlpatterns = [
    path("", include(router.urls)),
    *of_datasets,
    *of_batches,
    *of_studies,
    path("batches/<uuid:pk>/decision", decisions, name="batch-decision"),
    path("images/<uuid:pk>/copy-review", copy_reviews, name="image-copy-review"),
    path("generators/<uuid:pk>/approve", approvals, name="generator-approve"),
    path("me", MeView.as_view(), name="me"),
    path("me/shortcuts", ShortcutsView.as_view(), name="my-shortcuts"),
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
]
