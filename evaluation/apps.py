from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    name = "evaluation"

    def ready(self) -> None:
        from evaluation import home, invariants  # noqa: F401  (invariants: what `synthlab check` verifies)
        from evaluation.services import looks, withdrawing
        from generation.services.looks import register_looks
        from synthlab.core.erasure import Holder, register_holder
        from synthlab.core.jobs import register
        from synthlab.core.models import Lane

        home.register()
        register_holder(Holder("evaluation", withdrawing.traces, withdrawing.let_go, withdrawing.forget))

        register_looks(lambda dataset: looks.looks_at(dataset).count)
        register(
            "evaluation",
            "evaluation.tasks.run_evaluation",
            lane=Lane.LONG,
            on_end="evaluation.tasks.end_evaluation",
            on_requeue="evaluation.tasks.requeue_evaluation",
        )
        register("evaluation_shard", "evaluation.tasks.run_evaluation_shard", lane=Lane.LONG)
