"""Pages about people, and those of allauth that we offer: no sign-up, no mail."""

from allauth.account import views as allauth_views
from django.urls import include, path, register_converter

from synthlab.accounts import views


class PersonActionConverter:
    regex = "deactivate|reactivate|reset|role"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(PersonActionConverter, "person_action")

urlpatterns = [
    path("people/", views.people, name="people"),
    path("people/<uuid:pk>/", views.person, name="person"),
    path("people/<uuid:pk>/<person_action:action>/", views.person_action, name="person-action"),
    path("profile/", views.profile, name="profile"),
    path("profile/tokens/", views.token_create, name="profile-token-create"),
    path("profile/tokens/<uuid:pk>/revoke/", views.token_revoke, name="profile-token-revoke"),
    path("accounts/invitation/", views.invitation, name="invitation"),
    path("accounts/login/", allauth_views.login, name="account_login"),
    path("accounts/logout/", allauth_views.logout, name="account_logout"),
    path("accounts/inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("accounts/signup/", views.signup_closed, name="account_signup"),
    path("accounts/reauthenticate/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("accounts/password/", allauth_views.password_change, name="account_change_password"),
    path("accounts/second-factor/", include("allauth.mfa.urls")),
]
