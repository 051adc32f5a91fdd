"""One filled data set and everybody who may come to it, for tests of who gets what."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from generation.models import Dataset, DatasetRole, Ingest
from generation.services import datasets
from synthlab.accounts.models import User
from tests.factories import client_of, make_admin, make_clinician, make_scientist
from tests.generation.factories import make_dataset

ROLES = ("owner", "member", "viewer", "outsider", "clinician", "admin", "anonymous")


def drained(response: Any) -> Any:
    """The same response, its file read to the end and thereby closed."""
    if response.streaming:
        response.content_read = response.getvalue()
    return response


class Cast:
    """`owner`, `member` and `viewer` (a clinician without `view_real`) of `dataset`; the others have no part in it."""

    def __init__(self, *, per_split: int = 10) -> None:
        self.dataset: Dataset = make_dataset(per_split=per_split)
        self.people: dict[str, User | None] = {
            "owner": self.dataset.owner,
            "member": make_scientist(),
            "viewer": make_clinician(),
            "outsider": make_scientist(),
            "clinician": make_clinician(),
            "admin": make_admin(),
            "anonymous": None,
        }
        self._add("member", DatasetRole.MEMBER)
        self._add("viewer", DatasetRole.VIEWER)

    def _add(self, name: str, role: str) -> None:
        datasets.set_member(actor=self.dataset.owner, dataset=self.dataset, user=self.user(name), role=role)

    def user(self, name: str) -> User:
        user = self.people[name]
        assert user is not None
        return user

    def client(self, name: str) -> APIClient:
        return client_of(self.people[name])

    @property
    def ingest(self) -> Ingest:
        return self.dataset.ingests.get()
