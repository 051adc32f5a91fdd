"""What earlier evaluations worked out, on disk beside the feature store, so that a set is measured again in a moment.

Kept are results that hang on the real pictures alone (floors, nulls, what real pictures teach), and who was found to be a
copy of whom. A set that an earlier one holds, as after discards, compares no picture with a real one again. The numbers are
those that would be worked out anew.

All lies below the digest of everything it hangs on: the code of this package, the extractor, the seed, the symmetries and
both real sets with their groups and classes. It holds distances to real pictures and goes with the features of any of
them: see `forgetting`.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from evaluation.ml.copying import Copies, Duplicates, Nearest
from evaluation.ml.forgetting import KNOWN, is_forgotten, locked
from evaluation.ml.kernel import Distance
from evaluation.ml.memorisation import Scores
from evaluation.ml.packing import pack, unpack
from evaluation.ml.panel import Panel, panel
from evaluation.ml.prdc import Prdc
from evaluation.ml.shards import put_file
from evaluation.ml.structure import PairMean
from evaluation.ml.subject import Subject
from evaluation.ml.utility import Tested

_TYPES = {
    kind.__name__: kind for kind in (Copies, Distance, Duplicates, Nearest, PairMean, Prdc, Scores, Tested)
}
_REAL = "real.npz"
_SET = "set-{}.npz"
_NAMES, _COPIES = "names", "copies"
# So many sets are remembered against one pair of real sets; the oldest go first.
MAX_SETS = 32
_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


def measure(root: Path, subject: Subject, on_step: Callable[[str, int, int], None] | None = None) -> Panel:
    """The panel of a subject, from what is known where it is; what it works out is known to later ones.

    Linear algebra gets one thread: most of the products here are small, and threads that share one wait for each other
    longer than they compute.

    Args:
        root: that of the feature store.
        subject: what is measured.
        on_step: as `panel`.
    """
    earlier = Earlier(root, subject)
    known = earlier.recall()
    with threadpool_limits(1, user_api="blas"):
        measured = panel(subject, on_step, known)
    earlier.keep(measured.copies if known is None else None)
    return measured


class Earlier:
    """What is known of a subject's real sets, and of sets measured against them."""

    def __init__(self, root: Path, subject: Subject) -> None:
        """Nothing is read yet. `root` is that of the feature store."""
        self._root = root
        self._subject = subject
        self._code = root / KNOWN / _code_digest()[:16]
        self.folder = self._code / _real_digest(subject)[:32]
        self._real_digests = (*subject.reference.pixel_digests, *subject.training.pixel_digests)
        self._learnt = 0

    def recall(self) -> Copies | None:
        """Tell the subject what is known of its real sets.

        Returns:
            What was found of its synthetic pictures, where an earlier set held all of them.
        """
        known = _read(self.folder / _REAL)
        if known is not None:
            self._subject.real_side.learn(known)
        self._learnt = len(self._subject.real_side)
        wanted = _names(self._subject)
        files = sorted(
            self.folder.glob(_SET.format("*")), key=lambda path: path.stat().st_mtime, reverse=True
        )
        return next((found for path in files if (found := self._of_set(path, wanted)) is not None), None)

    def _of_set(self, path: Path, wanted: list[str]) -> Copies | None:
        stored = _read(path)
        if stored is None:
            return None
        place = {name: at for at, name in enumerate(stored[_NAMES].tolist())}
        if any(name not in place for name in wanted):
            return None
        rows = np.array([place[name] for name in wanted], dtype=np.int64)
        copies: Copies = stored[_COPIES]
        return copies if len(rows) == len(place) else copies.only(self._subject, rows)

    def keep(self, copies: Copies | None = None) -> None:
        """Store what was worked out since `recall`; nothing where a real picture was withdrawn meanwhile.

        Args:
            copies: what was found of the synthetic pictures; not where `recall` gave it.
        """
        with locked(self._root):
            if any(is_forgotten(self._root, digest) for digest in self._real_digests):
                return
            self._forget_other_code()
            self.folder.mkdir(parents=True, exist_ok=True)
            if len(self._subject.real_side) != self._learnt:
                put_file(self.folder, _REAL, pack(self._subject.real_side.as_dict(), _TYPES))
            if copies is not None:
                self._keep_set(copies)

    def _keep_set(self, copies: Copies) -> None:
        names = np.array(_names(self._subject))
        name = _SET.format(hashlib.sha256(names.tobytes()).hexdigest()[:32])
        put_file(self.folder, name, pack({_NAMES: names, _COPIES: copies}, _TYPES))
        files = sorted(self.folder.glob(_SET.format("*")), key=lambda path: path.stat().st_mtime)
        for path in files[:-MAX_SETS]:
            path.unlink(missing_ok=True)

    def _forget_other_code(self) -> None:
        """What other versions of the program worked out is read by none any more."""
        for folder in self._code.parent.glob("*"):
            if folder != self._code:
                shutil.rmtree(folder, ignore_errors=True)


def _read(path: Path) -> dict[str, Any] | None:
    """What a file holds; a damaged one costs time, never a wrong number."""
    try:
        stored = unpack(io.BytesIO(path.read_bytes()), _TYPES)
    except _DAMAGE:
        return None
    return stored if isinstance(stored, dict) else None


def _names(subject: Subject) -> list[str]:
    """The synthetic pictures by pixels and id, in the set's own order."""
    synthetic = subject.synthetic
    return [f"{digest} {ref.id}" for digest, ref in zip(synthetic.pixel_digests, synthetic.refs, strict=True)]


def _real_digest(subject: Subject) -> str:
    told = [
        subject.extractor.digest, subject.extractor.preprocessing.digest, subject.seed, list(subject.symmetries),
        [[images.pixel_digests, images.groups.tolist(), images.class_keys]
         for images in (subject.reference, subject.training)],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@functools.cache
def _code_digest() -> str:
    """Of this package's own files: another version may work out something else under the same name."""
    digest = hashlib.sha256(np.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
