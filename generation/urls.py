"""Pages of generation."""

from django.urls import path

from generation.views import (
    datasets,
    generators,
    real_images,
    rejections,
    training_form,
    trainings,
    withdrawals,
)

urlpatterns = [
    path("datasets/", datasets.dataset_list, name="dataset-pages"),
    path("datasets/<uuid:pk>/", datasets.dataset_detail, name="dataset-page"),
    path("datasets/<uuid:pk>/rejections/", rejections.rejection_list, name="rejection-pages"),
    path("datasets/<uuid:pk>/gallery/", real_images.dataset_gallery, name="dataset-gallery"),
    path("datasets/<uuid:pk>/gallery/<uuid:image>/", real_images.real_thumbnail, name="real-thumbnail"),
    path("datasets/<uuid:pk>/images/<uuid:image>/", real_images.real_image, name="real-image"),
    path("datasets/<uuid:pk>/withdraw/", withdrawals.withdrawal_new, name="withdrawal-new"),
    path("datasets/<uuid:pk>/withdrawn/", withdrawals.withdrawal_list, name="withdrawal-pages"),
    path("datasets/<uuid:pk>/train/", training_form.training_form, name="training-form"),
    path("trainings/<uuid:pk>/", trainings.training_detail, name="training-page"),
    path("generators/", generators.generator_list, name="generator-pages"),
    path("generators/<uuid:pk>/", generators.generator_detail, name="generator-page"),
]
