from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "synthlab.core"
    label = "core"

    def ready(self) -> None:
        from synthlab.core import checks  # noqa: F401  (registers the system checks)
