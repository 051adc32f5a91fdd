"""What everything else stands on: jobs, files, audit, checks."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "synthlab.core"
    label = "core"

    def ready(self) -> None:
        from synthlab.core import checks, core_invariants  # noqa: F401  (they register themselves)
