"""Pages of generation."""

from django.urls import path

from generation import views

urlpatterns = [
    path("datasets/", views.dataset_list, name="dataset-pages"),
    path("datasets/<uuid:pk>/", views.dataset_detail, name="dataset-page"),
    path("datasets/<uuid:pk>/gallery/", views.dataset_gallery, name="dataset-gallery"),
    path("datasets/<uuid:pk>/gallery/<uuid:image>/", views.real_thumbnail, name="real-thumbnail"),
    path("trainings/<uuid:pk>/", views.training_detail, name="training-page"),
    path("generators/", views.generator_list, name="generator-pages"),
    path("generators/<uuid:pk>/", views.generator_detail, name="generator-page"),
]
