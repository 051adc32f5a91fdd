from django.apps import AppConfig


class SupportConfig(AppConfig):
    name = "tests.support"

    def ready(self) -> None:
        from synthlab.core.jobs import Lane, register

        for name in (
            "answer",
            "refuse",
            "raise",
            "effect",
            "steps",
            "poison",
            "suicide",
            "stumble",
            "poll",
            "fan",
            "join",
            "thorough",
        ):
            register(
                f"test_{name}",
                f"tests.support.handlers.{name}_job",
                lane=Lane.SHORT,
                on_end="tests.support.handlers.record_end",
            )
        register("test_long", "tests.support.handlers.steps_job", lane=Lane.LONG)
        register("test_deadline", "tests.support.handlers.steps_job", lane=Lane.SHORT, deadline_seconds=1)
