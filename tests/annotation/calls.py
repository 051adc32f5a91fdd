"""Calls of the REST API as browsers and scripts make them."""

from __future__ import annotations

API = "/api/v1"


def post(client, url, body=None, **headers):
    return client.post(
        url, body or {}, format="json", headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def claim(client, scene, count=1):
    return post(client, f"{API}/studies/{scene.study.pk}/claim", {"count": count}).json()


def submit(client, read, answer, **headers):
    return post(
        client, f"{API}/reads/{read['id']}/submit", answer, **{"If_Match": f'"{read["rev"]}"', **headers}
    )


def streamed(response) -> bytes:
    return b"".join(response.streaming_content)
