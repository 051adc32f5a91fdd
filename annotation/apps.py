from django.apps import AppConfig


class AnnotationConfig(AppConfig):
    name = "annotation"

    def ready(self) -> None:
        from annotation import home, invariants  # noqa: F401  (invariants: what `synthlab check` verifies)
        from annotation.models.study import managed_chains
        from annotation.services import acceptance, image_uses, measuring, withdrawing
        from evaluation.models.evaluation import SET_SCOPES
        from evaluation.services.clinicians import register_acceptance
        from evaluation.services.image_uses import ImageUser, register_image_user
        from evaluation.services.set_owners import register_set_owner
        from synthlab.core.erasure import Holder, register_holder
        from synthlab.core.jobs import register
        from synthlab.core.models import Lane
        from synthlab.core.scopes import AUDIT_SCOPES

        home.register()
        register_holder(Holder("annotation", withdrawing.traces, withdrawing.let_go, withdrawing.forget))
        register_image_user(ImageUser("annotation", image_uses.history, image_uses.taken))
        register_acceptance(acceptance.acceptance_in_studies)
        SET_SCOPES.register(measuring.sets_of_managed)
        register_set_owner(measuring.owner_of_set)
        AUDIT_SCOPES.register(managed_chains)
        register(
            "export",
            "annotation.tasks.run_export",
            lane=Lane.SHORT,
            on_end="annotation.tasks.end_export",
            on_requeue="annotation.tasks.requeue_export",
        )
