"""A downloaded batch for torch; and the client without Django, torch, numpy and Pillow."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from synthlab.client import BatchFolder, SyntheticImages
from tests.synthlab.client.lab import Lab, serving

BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{name} is blocked here")

sys.meta_path.insert(0, Blocker())
"""


@pytest.fixture
def folder(open_lab: Any, tmp_path: Path) -> Path:
    lab, client = open_lab()
    path: Path = client.batch(lab.batch_id).download(tmp_path / "out")
    return path


def test_a_loader_takes_it_as_it_is(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    images = SyntheticImages(folder)
    assert (len(images), images.classes, images.targets) == (6, ("common", "rare"), [1, 0, 0, 1, 0, 0])
    assert images.class_to_idx == {"common": 0, "rare": 1}
    (batch, labels), *rest = torch.utils.data.DataLoader(images, batch_size=4)
    assert (tuple(batch.shape), batch.dtype, len(rest)) == ((4, 3, 8, 8), torch.float32, 1)
    assert labels.tolist() == [1, 0, 0, 1]
    assert 0 <= batch.min() < batch.max() <= 1
    whole, _ = images[-1]
    content, label = SyntheticImages(folder, form="bytes")[5]
    assert (content[:4], label) == (b"\x89PNG", 0)
    picture, _ = SyntheticImages(folder, form="image")[5]
    assert (whole[:, 2, 3] * 255).round().int().tolist() == list(picture.getpixel((3, 2)))
    split = torch.utils.data.random_split(images, [4, 2])
    assert sorted(len(part) for part in split) == [2, 4]
    assert len(torch.utils.data.ConcatDataset([images, images])) == 12


def test_a_loader_with_processes_takes_it(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(
        SyntheticImages(folder), batch_size=3, num_workers=1, multiprocessing_context="fork"
    )
    assert sum(len(labels) for _, labels in loader) == 6


def test_a_transform_gets_pillows_image_and_each_image_has_its_recipe(folder: Path) -> None:
    images = SyntheticImages(folder, transform=lambda picture: picture.size)
    assert images[3] == ((8, 8), 1)
    assert images.recipe_of(3)["index"] == 3
    assert images.recipe["truncation"] == 1.0
    with pytest.raises(IndexError):
        images[6]


def test_without_classes_labels_say_so(open_lab: Any, tmp_path: Path) -> None:
    lab, client = open_lab()
    for row in lab.rows:
        row["class_key"] = ""
    images = client.batch(lab.batch_id).dataset(tmp_path / "out", form="bytes")
    assert images.targets == [-1] * 6


def test_half_a_download_is_no_folder_of_a_batch(folder: Path) -> None:
    (folder / "images.jsonl").unlink()
    with pytest.raises(FileNotFoundError):
        BatchFolder(folder)


def test_a_list_from_elsewhere_leads_out_of_no_folder(folder: Path) -> None:
    text = (folder / "images.jsonl").read_text()
    (folder / "images.jsonl").write_text(text.replace("images/000000.png", "../../etc/passwd"))
    images = BatchFolder(folder)
    assert images.file_of(images.images[0]) == folder / "images" / "000000.png"


def test_the_client_works_without_django_torch_numpy_and_pillow(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import sys
        from synthlab.client import Client, SyntheticImages
        url, batch, folder = sys.argv[1:]
        images = Client(url, "slt_good").batch(batch).wait().dataset(folder, form="bytes")
        print(len(images), images[0][0][1:4])
        try:
            SyntheticImages(folder)[0]
        except ImportError as error:
            print(error)
        """
    )
    blocked = "BLOCKED = {'django', 'rest_framework', 'torch', 'torchvision', 'numpy', 'PIL', 'generation'}\n"
    lab = Lab()
    with serving(lab) as url:
        done = subprocess.run(
            [sys.executable, "-c", blocked + BLOCKER + code, url, lab.batch_id, str(tmp_path / "out")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["6 b'PNG'", "torch is blocked here"]
    assert done.stderr == ""  # no terminal, no bar
