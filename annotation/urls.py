"""Pages of annotation."""

from django.urls import path

from annotation.views import assigning, reading, results, reviewing, snapshots, studies

urlpatterns = [
    path("studies/", studies.study_list, name="study-pages"),
    path("studies/new/", studies.study_new, name="study-new"),
    path("studies/schemas/", studies.schema_list, name="schema-pages"),
    path("studies/<uuid:pk>/", studies.study_detail, name="study-page"),
    path("studies/<uuid:pk>/assignments/", assigning.assignments, name="assignments"),
    path("studies/<uuid:pk>/exemplars/", studies.exemplar_list, name="exemplar-page"),
    path("studies/<uuid:pk>/read/", reading.workbench, name="workbench"),
    path("studies/<uuid:pk>/review/", reviewing.review, name="review-page"),
    path("studies/<uuid:pk>/results/", results.result_list, name="result-page"),
    path("studies/<uuid:pk>/results.csv", results.result_table, name="result-table"),
    path("studies/<uuid:pk>/snapshots/", snapshots.snapshot_list, name="snapshot-pages"),
    path("studies/<uuid:pk>/snapshots/new/", snapshots.snapshot_new, name="snapshot-new"),
    path("snapshots/<uuid:pk>/", snapshots.snapshot_detail, name="snapshot-page"),
]
