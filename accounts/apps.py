from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        for registers_itself in ("accounts.schema", "accounts.witness"):
            import_module(registers_itself)
