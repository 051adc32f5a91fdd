"""Forms of the people and profile pages. What a field may hold is decided by the services."""

from __future__ import annotations

from django import forms

from synthlab.accounts.models import Role, TokenScope
from synthlab.accounts.services.tokens import LONGEST_DAYS

ROLES = [
    (Role.CLINICIAN, "Clinician: reads and reviews"),
    (Role.SCIENTIST, "Scientist: brings images, trains, asks for batches"),
    (Role.ADMIN, "Admin: looks after people and the audit"),
]


class InviteForm(forms.Form):
    username = forms.CharField(
        max_length=150,
        label="User name",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    display_name = forms.CharField(max_length=120, required=False, label="Shown name")
    role = forms.ChoiceField(choices=ROLES)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=ROLES)


class InvitationForm(forms.Form):
    token = forms.CharField(
        label="Code of your link",
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "data-from-hash": ""}),
        help_text="It comes with the link by itself; paste it here if it did not.",
    )
    password = forms.CharField(
        label="New password",
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters, not a common one. A few words make a good one.",
    )
    again = forms.CharField(
        label="The same again",
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_again(self) -> str:
        again = str(self.cleaned_data["again"])
        if again != self.cleaned_data.get("password"):
            raise forms.ValidationError("The two passwords differ.")
        return again


class ProfileForm(forms.Form):
    display_name = forms.CharField(max_length=120, required=False, label="Shown name")


class TokenForm(forms.Form):
    name = forms.CharField(max_length=80, label="What it is for")
    scope = forms.ChoiceField(
        choices=[(TokenScope.READ, "Read only"), (TokenScope.WRITE, "Read and write")],
        initial=TokenScope.READ,
    )
    days = forms.IntegerField(min_value=1, max_value=LONGEST_DAYS, initial=30, label="Days until it expires")
