from django.apps import AppConfig


class GenerationConfig(AppConfig):
    name = "generation"

    def ready(self) -> None:
        from generation import home, invariants  # noqa: F401  (invariants: what `synthlab check` verifies)
        from synthlab.core.jobs import register
        from synthlab.core.models import Lane

        home.register()

        register(
            "ingest", "generation.tasks.run_ingest", lane=Lane.LONG, on_end="generation.tasks.end_ingest"
        )
        register(
            "training",
            "generation.tasks.run_training",
            lane=Lane.LONG,
            on_end="generation.tasks.end_training",
            on_requeue="generation.tasks.requeue_training",
            is_needed="generation.services.training.names_checkpoint_of",
        )
        register("measurement", "generation.tasks.run_measurement", lane=Lane.SHORT, deadline_seconds=600)
        register(
            "batch",
            "generation.tasks.run_batch",
            lane=Lane.LONG,
            on_end="generation.tasks.end_batch",
            on_requeue="generation.tasks.requeue_batch",
        )
        register("batch_shard", "generation.tasks.run_batch_shard", lane=Lane.LONG)
        register("erasure", "generation.tasks.run_erasure", lane=Lane.SHORT)
        register("withdrawal", "generation.tasks.run_withdrawal", lane=Lane.SHORT)
