"""Samples at once through REST: forms, bad input, and every way in which the model service can fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from generation.models import Generator, GeneratorState
from generation.services import generators, model_service
from synthlab.core.files import path_of
from tests.generation.cast import Cast
from tests.generation.factories import make_generator

pytestmark = pytest.mark.django_db
VECTOR = [0.5] * 8


@pytest.fixture
def generator(cast: Cast) -> Generator:
    made = make_generator(dataset=cast.dataset)
    return generators.approve_generator(actor=cast.dataset.owner, generator=made, reason="looked at it")


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Puts answers in place of the service's, one after another; gives the list of what it is asked."""

    def answer_with(*answers: httpx.Response | Exception) -> list[dict[str, Any]]:
        left, asked = list(answers), []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(json.loads(request.content))
            reply = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(reply, Exception):
                raise reply
            return reply

        client = httpx.Client(transport=httpx.MockTransport(answer))
        monkeypatch.setattr(model_service, "_client", lambda: client)
        return asked

    return answer_with


def refused(status: int, code: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": "in words"}, headers=headers)


def made(content: bytes = b"files", kind: str = "application/zip") -> httpx.Response:
    headers = {"Content-Type": kind, "X-Synthlab-Recipe": '{"seed": 7}'}
    return httpx.Response(200, content=content, headers=headers)


def ask(cast: Cast, generator: Generator, **body: Any) -> Any:
    return cast.client("owner").post(f"/api/v1/generators/{generator.pk}/sample", body, format="json")


@pytest.mark.parametrize(
    ("form", "kind"), [("zip", "application/zip"), ("grid", "image/png"), ("npz", "application/x-npz")]
)
def test_each_form_comes_as_it_is(
    cast: Cast, generator: Generator, answering: Any, form: str, kind: str
) -> None:
    asked = answering(made(b"the bytes", kind))
    answer = ask(cast, generator, seed=7, count=3, format=form, truncation=0.5)
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"the bytes", kind)
    assert json.loads(answer["X-Synthlab-Recipe"]) == {"seed": 7}
    assert "no-store" in answer["Cache-Control"]
    assert asked == [{"digest": generator.digest, "seed": 7, "count": 3, "truncation": 0.5, "format": form}]


def test_sixteen_images_as_a_zip_unless_said_otherwise(
    cast: Cast, generator: Generator, answering: Any
) -> None:
    asked = answering(made())
    assert ask(cast, generator, seed=1).status_code == 200
    assert (asked[0]["count"], asked[0]["format"], asked[0]["truncation"]) == (16, "zip", 1.0)


def test_latents_stand_in_place_of_a_seed(cast: Cast, generator: Generator, answering: Any) -> None:
    asked = answering(made())
    assert ask(cast, generator, latents=[VECTOR, VECTOR]).status_code == 200
    assert asked == [{"digest": generator.digest, "latents": [VECTOR, VECTOR], "format": "zip"}]


def test_a_class_is_asked_for_by_its_name(cast: Cast, answering: Any) -> None:
    generator = make_generator(
        dataset=cast.dataset, state=GeneratorState.APPROVED, classes=("common", "rare")
    )
    asked = answering(made())
    assert ask(cast, generator, seed=1, count=2, class_key="rare").status_code == 200
    assert ask(cast, generator, latents=[VECTOR] * 3, class_key="common").status_code == 200
    assert [one["classes"] for one in asked] == [[1, 1], [0, 0, 0]]
    answer = ask(cast, generator, seed=1, class_key="unheard-of")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_class")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"count": 4},
        {"seed": 1, "count": 0},
        {"seed": 1, "count": 257},
        {"seed": 1, "count": "many"},
        {"seed": -1},
        {"seed": 2**63},
        {"seed": 1, "format": "exe"},
        {"seed": 1, "latents": [VECTOR]},
        {"latents": [VECTOR], "count": 1},
        {"latents": [VECTOR], "truncation": 0.5},
        {"latents": []},
        {"latents": [[]]},
        {"latents": [["a"]]},
        {"latents": "all"},
        {"latents": [VECTOR] * 257},
        {"seed": 1, "surprise": 1},
    ],
)
def test_bad_input_is_refused_before_the_service_hears_of_it(
    cast: Cast, generator: Generator, answering: Any, body: dict[str, Any]
) -> None:
    asked = answering(made())
    answer = ask(cast, generator, **body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert asked == []


@pytest.mark.parametrize(
    ("classes", "body", "code"),
    [
        ([], {"seed": 1, "truncation": 0}, "bad_truncation"),
        ([], {"seed": 1, "truncation": 1.5}, "bad_truncation"),
        (["gland", "stroma"], {"seed": 1}, "class_needed"),
        (["gland", "stroma"], {"latents": [VECTOR]}, "class_needed"),
    ],
)
def test_what_a_batch_would_refuse_is_refused_in_the_same_words(
    cast: Cast, generator: Generator, answering: Any, classes: list[str], body: dict[str, Any], code: str
) -> None:
    Generator.objects.filter(pk=generator.pk).update(classes=classes)
    asked = answering(made())
    answer = ask(cast, generator, **body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert asked == []


def test_a_retired_generator_makes_nothing_and_no_batch_is_offered(
    cast: Cast, generator: Generator, answering: Any
) -> None:
    Generator.objects.filter(pk=generator.pk).update(state=GeneratorState.RETIRED)
    asked = answering(made())
    answer = ask(cast, generator, seed=1)
    assert (answer.status_code, answer.json()["code"]) == (409, "generator_retired")
    assert asked == []


def test_a_form_that_is_none_is_told_those_that_are(cast: Cast, generator: Generator, answering: Any) -> None:
    answering(made())
    detail = ask(cast, generator, seed=1, format="gif").json()["detail"]
    assert detail == "format: one of zip, grid, npz."


def test_what_the_service_refuses_is_said_in_its_words(
    cast: Cast, generator: Generator, answering: Any
) -> None:
    answering(refused(422, "bad_latents"))
    answer = ask(cast, generator, latents=[VECTOR])
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_latents")
    assert answer.json()["detail"] == "in words."


@pytest.mark.parametrize(
    ("reply", "code", "wait"),
    [
        (httpx.ConnectError("refused"), "model_service_down", "5"),
        (httpx.ReadTimeout("silent"), "model_service_down", "5"),
        (httpx.RemoteProtocolError("killed"), "model_service_down", "5"),
        (refused(503, "busy", **{"Retry-After": "9"}), "model_service_busy", "9"),
        (refused(503, "starting"), "model_service_busy", "5"),
        (refused(503, "worker_lost", **{"Retry-After": "5"}), "model_service_restarting", "5"),
        (httpx.Response(401, json={"detail": "wrong or missing secret"}), "model_service_secret", "60"),
        (refused(500, "failed"), "model_service_failed", "5"),
        (httpx.Response(500, text="Internal Server Error"), "model_service_failed", "5"),
    ],
)
def test_each_failure_of_the_service_has_a_code_and_a_time(
    cast: Cast, generator: Generator, answering: Any, reply: Any, code: str, wait: str
) -> None:
    answering(reply)
    answer = ask(cast, generator, seed=1)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, code, wait)
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("code", ["unknown_generator", "wrong_digest", "bad_weights"])
def test_a_lost_or_damaged_copy_is_brought_again(
    cast: Cast, generator: Generator, answering: Any, settings: Any, code: str
) -> None:
    copy = Path(settings.GENERATOR_ROOT) / f"{generator.digest}.safetensors"
    copy.write_bytes(b"cut")
    asked = answering(refused(500, code), made())
    assert ask(cast, generator, seed=1).status_code == 200
    assert len(asked) == 2
    assert copy.read_bytes() == path_of(generator.digest).read_bytes()


def test_weights_that_are_damaged_in_the_store_are_named(
    cast: Cast, generator: Generator, answering: Any
) -> None:
    asked = answering(refused(500, "wrong_digest"))
    answer = ask(cast, generator, seed=1)
    assert (answer.status_code, answer.json()["code"]) == (409, "weights_damaged")
    assert len(asked) == 2


def test_weights_that_are_gone_from_the_store_are_named(
    cast: Cast, generator: Generator, answering: Any
) -> None:
    path_of(generator.digest).unlink()
    answering(refused(404, "unknown_generator"))
    answer = ask(cast, generator, seed=1)
    assert (answer.status_code, answer.json()["code"]) == (409, "weights_damaged")


def test_the_secret_goes_along_and_no_proxy_hears_it(
    cast: Cast, generator: Generator, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    model_service._client.cache_clear()
    seen: list[httpx.Request] = []
    client = model_service._client()

    def send(_: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        seen.append(request)
        return made()

    monkeypatch.setattr(type(client), "send", send)
    settings.MODEL_SERVICE_SECRET = "s" * 20
    assert ask(cast, generator, seed=1).status_code == 200
    assert seen[0].headers["X-Model-Service-Secret"] == "s" * 20
    assert not client._mounts
