"""Pages of generation: they open for whom they are meant, empty or full, and ask the database no more when full."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from generation.models import (
    Dataset,
    DatasetRole,
    Ingest,
    Rejection,
    Training,
    TrainingMetric,
    TrainingSample,
    TrainingState,
)
from generation.services import datasets, generators, training
from synthlab.core.files import store_bytes
from synthlab.core.jobs import enqueue_job
from synthlab.core.models import Job, JobState
from tests.factories import make_clinician, make_scientist
from tests.generation.cast import ROLES, Cast
from tests.generation.factories import make_batch, make_dataset, make_generator
from tests.present import present

pytestmark = pytest.mark.django_db

COUNTS = (1, 20)


def opened(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    client.get(reverse("home"))  # what is asked once a session is not the page's
    return client


@pytest.fixture
def cast() -> Cast:
    return Cast()


@pytest.fixture
def asked(django_assert_max_num_queries: Any) -> Any:
    """How many queries a page needs; never more than 40."""

    def ask(client: Client, url: str) -> int:
        with django_assert_max_num_queries(40) as captured:
            assert client.get(url).status_code == 200
        return len(captured)

    return ask


def many_data_sets(owner: Any, count: int) -> None:
    for _ in range(count):
        dataset = make_dataset(owner=make_scientist(), per_split=1, groups=1)
        datasets.set_member(actor=dataset.owner, dataset=dataset, user=owner, role=DatasetRole.MEMBER)
        make_generator(dataset=dataset)


def fill(dataset: Dataset, count: int) -> None:
    for _ in range(count):
        datasets.set_member(
            actor=dataset.owner, dataset=dataset, user=make_clinician(), role=DatasetRole.VIEWER
        )
        make_batch(generator=make_generator(dataset=dataset), count=1)
        training.start_training(actor=dataset.owner, dataset=dataset, config={"preset": "quick"})


def test_lists_ask_no_more_for_twenty_rows_than_for_one(asked: Any) -> None:
    person = make_scientist()
    client = opened(person)
    many_data_sets(person, 1)
    before = {name: asked(client, reverse(name)) for name in ("dataset-pages", "generator-pages")}
    many_data_sets(person, 19)
    assert {name: asked(client, reverse(name)) for name in before} == before


def test_details_ask_no_more_for_twenty_rows_than_for_one(cast: Cast, asked: Any) -> None:
    owner, dataset = cast.dataset.owner, cast.dataset
    client = opened(owner)
    fill(dataset, 1)
    generator = dataset.generators.get()
    pages = [
        reverse("dataset-page", args=[dataset.pk]),
        reverse("dataset-gallery", args=[dataset.pk]),
        reverse("generator-page", args=[generator.pk]),
    ]
    before = [asked(client, url) for url in pages]
    fill(dataset, 19)
    for _ in range(19):
        make_batch(generator=generator, count=1)
    assert [asked(client, url) for url in pages] == before


def test_a_long_training_costs_no_more(cast: Cast, asked: Any) -> None:
    client = opened(cast.dataset.owner)
    run = training.start_training(actor=cast.dataset.owner, dataset=cast.dataset, config={"preset": "quick"})
    page = reverse("training-page", args=[run.pk])
    curves = reverse("training-metrics", args=[run.pk])
    before = asked(client, page), asked(client, curves)
    grid = store_bytes(b"a grid")
    for step in range(20):
        TrainingMetric.objects.create(training=run, step=step, name="g_loss", value=step)
        TrainingSample.objects.create(training=run, step=step, digest=grid.digest)
    assert (asked(client, page), asked(client, curves)) == before


@pytest.mark.parametrize("name", ["datasets", "trainings", "generators", "batches"])
def test_lists_of_the_api_ask_no_more_for_twenty_rows_than_for_one(cast: Cast, asked: Any, name: str) -> None:
    client = opened(cast.dataset.owner)
    fill(cast.dataset, 1)
    before = asked(client, f"/api/v1/{name}")
    fill(cast.dataset, 19)
    for _ in range(19):
        make_dataset(owner=cast.dataset.owner)
    assert asked(client, f"/api/v1/{name}") == before


def test_pages_open_for_those_who_have_a_part_in_the_data_set(cast: Cast) -> None:
    fill(cast.dataset, 1)
    run, generator = cast.dataset.trainings.get(), cast.dataset.generators.get()
    for url in (
        reverse("dataset-page", args=[cast.dataset.pk]),
        reverse("dataset-gallery", args=[cast.dataset.pk]),
        reverse("training-page", args=[run.pk]),
        reverse("generator-page", args=[generator.pk]),
    ):
        for role in ROLES:
            expected = {"anonymous": 302, "owner": 200, "member": 200, "viewer": 200}.get(role, 404)
            assert cast.client(role).get(url).status_code == expected, (role, url)


def test_what_one_may_not_do_is_not_offered(cast: Cast) -> None:
    fill(cast.dataset, 1)
    run, generator = cast.dataset.trainings.get(), cast.dataset.generators.get()
    offers: dict[str, dict[str, tuple[str, ...]]] = {
        reverse("dataset-page", args=[cast.dataset.pk]): {
            "Train a generator": ("owner", "member"),
            "Add a person": ("owner",),
        },
        reverse("training-form", args=[cast.dataset.pk]): {"Start training": ("owner", "member")},
        reverse("training-page", args=[run.pk]): {
            "Pause": ("owner", "member"),
            "Clone with changes": ("owner", "member"),
        },
        reverse("generator-page", args=[generator.pk]): {
            "Make the batch": ("owner", "member"),
            "Retire": ("owner",),
            "Approve</button>": ("owner",),
        },
    }
    for url, texts in offers.items():
        for role in ("owner", "member", "viewer"):
            page = cast.client(role).get(url).content.decode()
            for text, allowed in texts.items():
                assert (text in page) == (role in allowed), (url, role, text)


def test_everybody_who_sees_a_training_sees_its_progress_and_its_starter_the_log(cast: Cast) -> None:
    run = training.start_training(actor=cast.user("member"), dataset=cast.dataset, config={"preset": "quick"})
    Job.objects.filter(pk=present(run.job_id)).update(log_tail="a line of its log")
    page, answer = reverse("training-page", args=[run.pk]), reverse("training-progress", args=[run.pk])
    for role in ("owner", "member", "viewer"):
        client = cast.client(role)
        shown = client.get(page).content.decode()
        assert f'data-job-url="{answer}"' in shown
        told = client.get(answer).json()
        assert (told["state"], told["progress_done"]) == ("queued", 0)
        assert (
            ("a line of its log" in shown) == ("a line of its log" in told["log_tail"]) == (role == "member")
        )
    assert cast.client("outsider").get(answer).status_code == 404


def test_the_form_of_a_clone_says_what_its_parent_had(cast: Cast) -> None:
    run = training.start_training(actor=cast.dataset.owner, dataset=cast.dataset, config={"batch_size": 12})
    client = opened(cast.dataset.owner)
    url = reverse("training-form", args=[cast.dataset.pk])
    page = client.get(f"{url}?from={run.pk}&g_lr=5e-05").content.decode()
    assert reverse("training-clone", args=[run.pk]) in page
    assert 'placeholder="12"' in page
    assert 'value="5e-05"' in page
    assert client.get(f"{url}?from=nothing").status_code == 200
    other = training.start_training(actor=(of := make_dataset(per_split=10)).owner, dataset=of, config={})
    assert client.get(f"{url}?from={other.pk}").status_code == 404


def test_a_clone_shows_what_differs_from_its_parent(cast: Cast) -> None:
    owner = cast.dataset.owner
    run = training.start_training(actor=owner, dataset=cast.dataset, config={"preset": "quick"})
    clone = training.clone_training(actor=owner, training=run, config={"batch_size": 16})
    page = opened(owner).get(reverse("training-page", args=[clone.pk])).content.decode()
    assert "<code>batch_size</code>" in page
    assert "<code>g_lr</code>" not in page
    assert f'data-parent-url="{reverse("training-metrics", args=[run.pk])}"' in page


@pytest.mark.parametrize(
    ("warning", "query"),
    [
        ({"code": "overfitting", "detail": "By heart."}, "r1_gamma=0.5"),
        ({"code": "collapse", "detail": "Alike."}, "g_lr=5e-05&amp;d_lr=5e-05"),
        ({"code": "out_of_memory", "detail": "Full.", "changes": {"batch_size": 8}}, "batch_size=8"),
    ],
)
def test_a_warning_offers_the_clone_that_may_go_better(cast: Cast, warning: Any, query: str) -> None:
    config = {"g_lr": 1e-4, "d_lr": 1e-4, "r1_gamma": 0.1}
    run = training.start_training(actor=cast.dataset.owner, dataset=cast.dataset, config=config)
    run.warnings = [{**warning, "step": 1200}]
    run.save()
    shown = opened(cast.dataset.owner).get(reverse("training-page", args=[run.pk])).content.decode()
    assert "Step 1,200." in shown
    assert f"?from={run.pk}&amp;{query}" in shown.replace("&amp;amp;", "&amp;")


def test_a_diverged_run_offers_half_the_learning_rates(cast: Cast) -> None:
    run = training.start_training(
        actor=cast.dataset.owner, dataset=cast.dataset, config={"g_lr": 4e-4, "d_lr": 2e-4}
    )
    Job.objects.filter(pk=present(run.job_id)).update(
        state=JobState.FAILED, error_code="diverged", error="No numbers.", finished_at=run.created_at
    )
    Training.objects.filter(pk=run.pk).update(state=TrainingState.FAILED, step=500)
    shown = opened(cast.dataset.owner).get(reverse("training-page", args=[run.pk])).content.decode()
    assert "No numbers." in shown
    assert "Clone with g_lr 0.0002, d_lr 0.0001" in shown
    assert "Resume from step 500" in shown


def test_a_generator_tells_how_it_was_made(cast: Cast) -> None:
    run = training.start_training(actor=cast.dataset.owner, dataset=cast.dataset, config={"batch_size": 12})
    grid = store_bytes(b"a grid")
    for step in (250, 500, 750):
        TrainingSample.objects.create(training=run, step=step, digest=grid.digest)
    generator = make_generator(dataset=cast.dataset)
    generator.training = run
    generator.card = {
        "config": run.config,
        "data": {"images": 10, "classes": {"benign": 7, "malignant": 3}},
        "run": {"steps": 750, "chosen": {"step": 500, "monitor_kid_pixels": 0.1}},
    }
    generator.save()
    client, url = opened(cast.dataset.owner), reverse("generator-page", args=[generator.pk])
    page = client.get(url).content.decode()
    assert reverse("training-sample-grid", args=[run.pk, 500]) in page
    assert reverse("training-metrics", args=[run.pk]) in page
    for text in ("<code>batch_size</code>", "malignant", "Samples at step 500"):
        assert text in page
    generator.card = {"config": {"batch_size": 12}, "note": "imported"}
    generator.training = None
    generator.save()
    assert "<code>batch_size</code>" in client.get(url).content.decode()


def test_what_no_setting_mends_is_said_in_place_of_the_form() -> None:
    tiny = make_dataset(per_split=2)
    page = opened(tiny.owner).get(reverse("training-form", args=[tiny.pk])).content.decode()
    assert "No training can be started" in page
    assert "Start training" not in page


def test_a_data_set_that_cannot_be_trained_on_says_so_on_the_form() -> None:
    empty = make_dataset()
    page = opened(empty.owner).get(reverse("training-form", args=[empty.pk])).content.decode()
    assert "No images yet" in page
    assert "Start training" not in page


def test_empty_states_say_what_to_do() -> None:
    scientist, clinician = opened(make_scientist()), opened(make_clinician())
    assert "Describe one below" in scientist.get(reverse("dataset-pages")).content.decode()
    assert "No data set is shared with you" in clinician.get(reverse("dataset-pages")).content.decode()
    assert "No generator yet" in scientist.get(reverse("generator-pages")).content.decode()
    empty = make_dataset()
    page = opened(empty.owner).get(reverse("dataset-page", args=[empty.pk])).content.decode()
    assert "Upload the images" in page
    assert "data-upload-form" in page


def test_a_failed_upload_shows_its_reasons_and_the_form_again() -> None:
    dataset = make_dataset()
    ingest = Ingest.objects.create(
        dataset=dataset, requested_by=dataset.owner, file_count=1, rejected_count=1
    )
    Rejection.objects.create(ingest=ingest, ordinal="3@352,16", code="blank", detail="The image is flat.")
    ingest.job = enqueue_job("ingest", actor=dataset.owner, subject=ingest)
    ingest.save()
    Job.objects.update(state="failed", finished_at=ingest.created_at, error="Nothing could be used.")
    page = opened(dataset.owner).get(reverse("dataset-page", args=[dataset.pk])).content.decode()
    for text in (
        "Nothing could be used.",
        "The image is flat.",
        "3@352,16",
        "data-upload-form",
        reverse("dataset-uploads", args=[dataset.pk]),
    ):
        assert text in page


def test_a_training_without_a_job_still_has_a_page(cast: Cast) -> None:
    run = Training.objects.create(
        dataset=cast.dataset,
        requested_by=cast.dataset.owner,
        config={},
        seed=1,
        code_version="1",
        manifest_digest="0" * 64,
        state=TrainingState.FAILED,
    )
    assert cast.client("owner").get(reverse("training-page", args=[run.pk])).status_code == 200


def test_only_who_may_use_an_approved_generator_is_offered_a_sample_at_once(cast: Cast) -> None:
    generator = make_generator(dataset=cast.dataset, classes=("common", "rare"))
    url, address = (
        reverse("generator-page", args=[generator.pk]),
        reverse("generator-sample", args=[generator.pk]),
    )
    assert address not in opened(cast.dataset.owner).get(url).content.decode()
    generators.approve_generator(actor=cast.dataset.owner, generator=generator, reason="seen")
    for name, offered in (("owner", True), ("member", True), ("viewer", False)):
        page = opened(cast.user(name)).get(url).content.decode()
        assert (f'data-sample-url="{address}"' in page) == offered
        assert ("<option>rare</option>" in page) == offered
