from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "synthlab.accounts"
    label = "accounts"

    def ready(self) -> None:
        from synthlab.accounts import home, schema  # noqa: F401  (registers how tokens look in the API's description)
        from synthlab.core.navigation import register_home_section, register_nav

        register_nav("Home", "home", order=0)
        register_nav("Jobs", "jobs", order=80)
        register_nav("People", "people", roles={"admin"}, order=85)
        register_nav("Audit", "audit", roles={"admin"}, order=90)
        register_nav("Profile and tokens", "profile", order=10, personal=True)
        register_nav("Documentation", "docs", order=20, personal=True)
        register_home_section(home.people_cards)
        register_home_section(home.job_cards)
