"""Cursor pages: complete, bounded, stable under insertion."""

import base64
from urllib.parse import urlencode

import pytest

from synthlab.core.models import Job
from tests.factories import client_of, make_scientist

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def make_jobs(user, number):
    return Job.objects.bulk_create([Job(kind="k", requested_by=user) for _ in range(number)])


def test_walking_all_pages_gives_each_row_once_although_rows_are_added():
    user = make_scientist()
    before = {str(job.pk) for job in make_jobs(user, 25)}
    client = client_of(user)
    seen, url = [], "/api/v1/jobs?page_size=10"
    while url:
        response = client.get(url)
        body = response.json()
        assert set(body) == {"next", "previous", "results"}
        seen += [row["id"] for row in body["results"]]
        assert bool(body["next"]) == ('rel="next"' in response.headers.get("Link", ""))
        url = body["next"]
        make_jobs(user, 1)
    assert sorted(seen) == sorted(set(seen))
    assert before <= set(seen)


def test_a_page_has_at_most_200_rows():
    user = make_scientist()
    make_jobs(user, 205)
    assert len(client_of(user).get("/api/v1/jobs?page_size=100000").json()["results"]) == 200
    assert len(client_of(user).get("/api/v1/jobs").json()["results"]) == 50


@pytest.mark.parametrize("position", ["", "not a date", "2026-13-45", "9" * 400, "\x00", "1e400"])
@pytest.mark.parametrize("extra", [{}, {"r": "1"}, {"o": "-5"}, {"o": "99999999999"}])
def test_a_forged_cursor_is_refused_or_harmless(position, extra):
    user = make_scientist()
    make_jobs(user, 3)
    cursor = base64.b64encode(urlencode({"p": position, **extra}).encode()).decode()
    response = client_of(user).get("/api/v1/jobs", {"cursor": cursor})
    assert response.status_code in {200, 400}
    if response.status_code == 400:
        assert response.json()["code"] == "invalid_cursor"
