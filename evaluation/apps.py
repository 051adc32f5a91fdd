from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    name = "evaluation"

    def ready(self) -> None:
        from evaluation import invariants  # noqa: F401  (registers what `synthlab check` verifies)
        from synthlab.core.jobs import register
        from synthlab.core.models import Lane

        register(
            "evaluation", "evaluation.tasks.run_evaluation", lane=Lane.LONG, on_end="evaluation.tasks.end_evaluation"
        )
