from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "synthlab.accounts"
    label = "accounts"
