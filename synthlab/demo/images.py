"""The real picture that demo and smoke start from."""

from __future__ import annotations

from pathlib import Path

DATASET = {
    "name": "Colon, DAB immunohistochemistry (one slide)",
    "modality": "Brightfield histology, DAB and haematoxylin",
    "licence": "No known copyright restrictions (scikit-image, data/README.txt)",
    "lawful_basis": "Published sample image without identity of a patient",
    "provenance": (
        "scikit-image's immunohistochemistry photograph: colonic glands, FHL2 stained with DAB, 512 × 512 px, "
        "one slide of one patient, acquired at the Centre for Microscopy And Molecular Imaging (CMMI)."
    ),
    "symmetries": "dihedral",
}
TILES = {"tile": {"size": 64, "stride": 16}, "channels": "rgb"}


def write_photograph(folder: Path) -> Path:
    """Write scikit-image's immunohistochemistry photograph, which comes inside its package, as a PNG file."""
    from PIL import Image
    from skimage import data

    path = folder / "photograph.png"
    # The package says that it is typed, this function is not.
    Image.fromarray(data.immunohistochemistry()).save(path)  # type: ignore[no-untyped-call]
    return path
