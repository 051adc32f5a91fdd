"""`synthlab ingest`: through the REST API of a server, with the names of refused files that only this side knows."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.core.wsgi import get_wsgi_application

from generation.models import Dataset, Ingest, SourceImage
from synthlab.accounts.services.tokens import create_token
from synthlab.client import Client
from synthlab.core.jobs import execute
from synthlab.core.management import server as speaking
from synthlab.core.models import AuditEvent, IdempotencyKey, Job
from tests.factories import make_scientist
from tests.generation.factories import make_dataset, picture, png
from tests.generation.ingest.detection import photograph, voc

SECRETS = ("Musterfrau", "Mustermann", "Erika", "Geheim")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[list[httpx.Request]]:
    """The application behind the client, without a network; jobs run when they are waited for."""
    settings.STAGING_ROOT = tmp_path / "staging"
    sent: list[httpx.Request] = []

    class Local(Client):
        def __init__(self, url: str, token: str, *, allow_http: bool) -> None:
            transport = httpx.WSGITransport(app=get_wsgi_application())
            super().__init__(url, token, allow_http=allow_http, transport=transport)
            self._http.event_hooks = {"request": [sent.append]}

        def wait(self, job: str, **options: Any) -> dict[str, Any]:
            execute(job)
            return super().wait(job, **options)

    monkeypatch.setattr(speaking, "Client", Local)
    yield sent
    assert not [path for path in settings.STAGING_ROOT.rglob("*") if path.is_file()]


@pytest.fixture
def scientist(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Any:
    person = make_scientist()
    token = create_token(actor=person, name="cli", scope="write", days=1)
    monkeypatch.setenv("SYNTHLAB_TOKEN", token.secret)
    return person


def run(*arguments: Any, url: str = "http://127.0.0.1") -> str:
    out = io.StringIO()
    call_command("ingest", *map(str, arguments), url=url, stdout=out)
    return out.getvalue()


def fill(folder: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def rows_everywhere() -> str:
    kept = [
        list(model.objects.values())
        for model in (AuditEvent, Ingest, Job, IdempotencyKey, SourceImage, Dataset)
    ]
    return json.dumps(kept, default=str)


def test_a_folder_goes_up_and_refusals_come_back_with_their_names(
    scientist: Any, server: list[httpx.Request], tmp_path: Path
) -> None:
    folder = fill(
        tmp_path / "in",
        {f"Musterfrau Erika/{n}.png": png(picture(n, 64)) for n in range(9)}
        | {"Musterfrau Erika/Geheim.txt": b"a letter", "again.png": png(picture(3, 64))},
    )
    said = run(folder, "--name", "Glands", "--symmetries", "flips", "--size", 32)
    assert "Musterfrau Erika/Geheim.txt: The content is not a PNG" in said
    assert (
        "again.png: The same pixels were already taken from “Musterfrau Erika/3.png”. (exact_duplicate)"
        in said
    )
    assert "Taken: 9, not taken: 2." in said
    dataset = Dataset.objects.get()
    assert (dataset.name, dataset.symmetries, dataset.image_size) == ("Glands", "flips", 32)
    assert str(dataset.pk) in said
    everything = rows_everywhere() + "".join(f"{request.url}{request.headers}" for request in server)
    assert not [secret for secret in SECRETS if secret in everything]
    assert not [request for request in server if b'"names"' in request.read()]


def test_a_detection_set_is_joined_by_names_that_nothing_keeps(
    scientist: Any, server: list[httpx.Request], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = [("red", 40, 30, 30, 24), ("white", 9, 9, 0, 0)]
    folder = fill(
        tmp_path / "in",
        {f"JPEGImages/Erika-{n}.png": photograph(n) for n in range(4)}
        | {f"Annotations/Erika-{n}.xml": voc() for n in range(3)}
        | {"Annotations/Erika-3.xml": voc(broken)},
    )
    said = run(folder, "--name", "Cells", "--size", 32)
    assert "JPEGImages/Erika-3.png, box 2: The box has no area (0 × 0 pixels). (box_no_area)" in said
    assert "Taken: 10, not taken: 1." in said
    assert "names go along" in said
    dataset = Dataset.objects.get()
    assert [entry["key"] for entry in dataset.classes] == ["red", "white"]
    assert dataset.groups.count() == 4
    assert dataset.images.get(ordinal="4!1").source["box"] == [40.0, 30.0, 30.0, 24.0]
    logged = capfd.readouterr()
    assert not [secret for secret in SECRETS if secret in rows_everywhere() + logged.out + logged.err]


def test_a_table_from_elsewhere_gives_class_and_patient(
    scientist: Any, server: list[httpx.Request], tmp_path: Path
) -> None:
    folder = fill(tmp_path / "in", {f"{n}.png": png(picture(n, 64)) for n in range(8)})
    lines = [f"{n}.png,{'gland' if n % 2 else 'stroma'},Mustermann {n // 2}" for n in range(8)]
    table = tmp_path / "Geheim.csv"
    table.write_text("\n".join(["file,class,patient", *lines, "gone.png,gland,Mustermann 9"]))
    said = run(folder, "--name", "By table", "--csv", table)
    assert "Geheim.csv, line 10: The file that line 10 names is not in the upload. (csv_no_file)" in said
    dataset = Dataset.objects.get()
    assert (dataset.groups.count(), dataset.images.count()) == (4, 8)
    assert set(dataset.images.values_list("class_key", flat=True)) == {"gland", "stroma"}
    assert not [secret for secret in SECRETS if secret in rows_everywhere()]


def test_folders_become_classes_once_that_is_confirmed(
    scientist: Any, server: list[httpx.Request], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill(tmp_path / "in", {f"{'ab'[n % 2]}/{n}.png": png(picture(n, 64)) for n in range(8)})
    wanted = [folder, "--name", "Two", "--folders-are-classes"]
    with pytest.raises(CommandError, match="say --yes"):
        run(*wanted)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: "no")
    with pytest.raises(CommandError, match="nothing was sent"):
        run(*wanted)
    assert not server
    assert "  a: 4 files\n  b: 4 files" in run(*wanted, "--yes")
    assert [entry["key"] for entry in Dataset.objects.get().classes] == ["a", "b"]


def test_folders_in_a_zip_become_classes(scientist: Any, server: list[httpx.Request], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for n in range(8):
            archive.writestr(f"{'ab'[n % 2]}/{n}.png", png(picture(n, 64)))
        archive.writestr("a/Geheim.doc", b"words")
    said = run(tmp_path / "in.zip", "--name", "Two", "--folders-are-classes", "--yes")
    assert "in.zip › a/Geheim.doc: The content is not" in said
    assert [entry["key"] for entry in Dataset.objects.get().classes] == ["a", "b"]


def test_nothing_accepted_is_a_failure_that_names_each_file(
    scientist: Any, server: list[httpx.Request], tmp_path: Path
) -> None:
    folder = fill(tmp_path / "in", {"one.doc": b"words", "two.png": b""})
    out = io.StringIO()
    with pytest.raises(CommandError, match="Nothing in this upload could be used") as failure:
        call_command("ingest", str(folder), url="http://127.0.0.1", name="Nothing", stdout=out)
    assert "two.png: The file is empty. (empty_file)" in out.getvalue()
    assert str(Dataset.objects.get().pk) in str(failure.value)


def test_an_existing_data_set_is_found_by_id_and_by_name(
    scientist: Any, server: list[httpx.Request], tmp_path: Path
) -> None:
    folder = fill(tmp_path / "in", {f"{n}.png": png(picture(n, 64)) for n in range(4)})
    by_id, by_name = make_dataset(owner=scientist), make_dataset(owner=scientist)
    run(folder, "--dataset", by_id.pk)
    run(folder, "--dataset", by_name.name)
    assert by_id.images.count() == by_name.images.count() == 4
    with pytest.raises(CommandError, match="you have no data set 'No such'"):
        run(folder, "--dataset", "No such")


def test_what_is_refused_is_told_in_one_line(
    scientist: Any, server: list[httpx.Request], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill(tmp_path / "in", {"a.png": png(picture(1, 64))})
    with pytest.raises(CommandError, match=r"there is no file .*gone"):
        run(tmp_path / "gone", "--name", "x")
    with pytest.raises(CommandError, match=r"bad_options"):
        run(folder, "--name", "x", "--tile", 64, "--crop-margin", 0.1)
    with pytest.raises(CommandError, match=r"--url: http://lab\.example is not encrypted.*--allow-http"):
        run(folder, "--name", "x", url="http://lab.example")
    monkeypatch.setenv("SYNTHLAB_TOKEN", "slt_wrong")
    with pytest.raises(CommandError, match=r"token_invalid"):
        run(folder, "--name", "y")
    monkeypatch.delenv("SYNTHLAB_TOKEN")
    with pytest.raises(CommandError, match="an API token is needed"):
        run(folder, "--name", "y")
