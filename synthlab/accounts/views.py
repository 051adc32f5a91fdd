"""Pages about people: all of them for admins, oneself for everybody, and the way in by a one-time link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from synthlab.accounts.forms import InvitationForm, InviteForm, ProfileForm, RoleForm, TokenForm
from synthlab.accounts.models import ApiToken, LinkPurpose, OneTimeLink, User
from synthlab.accounts.services import people as service
from synthlab.accounts.services import tokens
from synthlab.accounts.services.links import IssuedLink
from synthlab.core.exceptions import DomainError
from synthlab.core.paging import page_of
from synthlab.core.people import person_of

View = Callable[..., HttpResponse]


def admins_only(view: View) -> View:
    """Signed in and an admin; others get 403 after login."""

    @login_required
    @never_cache
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not person_of(request).is_admin:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return wrapper


@require_http_methods(["GET", "HEAD", "POST"])
@admins_only
def people(request: HttpRequest) -> HttpResponse:
    """Everybody, and the form that invites one more."""
    form = InviteForm(request.POST if request.method == "POST" else None)
    issued: IssuedLink | None = None
    if request.method == "POST" and form.is_valid():
        try:
            issued = service.invite_user(actor=person_of(request), **form.cleaned_data)
            form = InviteForm()
        except DomainError as error:
            form.add_error("username", error.detail)
    rows = User.objects.order_by("-is_active", "username")
    page = page_of(request, rows)
    pending = OneTimeLink.objects.usable().filter(user__in=page.rows, purpose=LinkPurpose.INVITE)
    context = {"form": form, "page": page, "pending": set(pending.values_list("user_id", flat=True))}
    return render(
        request, "accounts/people.html", context | _link_context(request, issued), status=_status(form)
    )


@require_http_methods(["GET", "HEAD"])
@admins_only
def person(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One person, and what an admin can do about them."""
    return _person_page(request, get_object_or_404(User, pk=pk))


def _person_page(request: HttpRequest, found: User, issued: IssuedLink | None = None) -> HttpResponse:
    context = {
        "person": found,
        "form": RoleForm(initial={"role": found.role}),
        "tokens": found.api_tokens.usable(),
        "is_self": found.pk == person_of(request).pk,
    }
    return render(request, "accounts/person.html", context | _link_context(request, issued))


@require_POST
@admins_only
def person_action(request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
    """Deactivate, let in again, reset or change the role of a person."""
    found = get_object_or_404(User, pk=pk)
    actor = person_of(request)
    issued: IssuedLink | None = None
    try:
        if action == "deactivate":
            service.deactivate_user(actor=actor, user=found)
            messages.success(request, f"{found} is deactivated. What they did stays attributed to them.")
        elif action == "role":
            service.change_role(actor=actor, user=found, role=request.POST.get("role", ""))
            messages.success(request, f"{found} is now {found.get_role_display().lower()}.")
        elif action == "reset":
            issued = service.reset_password_link(actor=actor, user=found)
        else:
            issued = service.reactivate_user(actor=actor, user=found)
    except DomainError as error:
        messages.error(request, error.detail)
    # A link is shown in this one answer and kept nowhere, so it cannot survive a redirect.
    return _person_page(request, issued.user, issued) if issued else redirect("person", pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("password", "again", "token")
def invitation(request: HttpRequest) -> HttpResponse:
    """Set a password by a one-time link."""
    form = InvitationForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            user = service.accept_invitation(token=data["token"].strip(), password=data["password"])
        except DomainError as error:
            form.add_error("password" if error.code == "password_weak" else "token", error.detail)
        else:
            messages.success(request, f"Your password is set. Log in as {user.username}.")
            return redirect("account_login")
    return render(request, "accounts/invitation.html", {"form": form}, status=_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def profile(request: HttpRequest) -> HttpResponse:
    """One's name and looks, password, second factor and tokens."""
    user = person_of(request)
    form = ProfileForm(
        request.POST if request.method == "POST" else None, initial={"display_name": user.display_name}
    )
    if request.method == "POST" and form.is_valid():
        service.change_profile(actor=user, display_name=form.cleaned_data["display_name"])
        messages.success(request, "Your profile is saved.")
        return redirect("profile")
    return _profile_page(request, form=form, token_form=TokenForm())


def _profile_page(
    request: HttpRequest, *, form: ProfileForm, token_form: TokenForm, secret: str = ""
) -> HttpResponse:
    user = person_of(request)
    rows = ApiToken.objects.filter(user=user).order_by("revoked_at", "-created_at")[:100]
    usable = set(ApiToken.objects.filter(user=user).usable().values_list("pk", flat=True))
    context = {"form": form, "token_form": token_form, "tokens": rows, "usable": usable, "secret": secret}
    status = _status(form) if form.is_bound else _status(token_form)
    return render(request, "accounts/profile.html", context, status=status)


@require_POST
@login_required
@never_cache
def token_create(request: HttpRequest) -> HttpResponse:
    """Make a token and show its secret, in this one answer."""
    user = person_of(request)
    token_form = TokenForm(request.POST)
    secret = ""
    if token_form.is_valid():
        try:
            secret = tokens.create_token(actor=user, **token_form.cleaned_data).secret
            token_form = TokenForm()
        except DomainError as error:
            token_form.add_error("name", error.detail)
    form = ProfileForm(initial={"display_name": user.display_name})
    return _profile_page(request, form=form, token_form=token_form, secret=secret)


@require_POST
@login_required
def token_revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End one of one's own tokens."""
    token = get_object_or_404(ApiToken, pk=pk, user=person_of(request))
    tokens.revoke_token(actor=person_of(request), token=token)
    messages.success(request, f"The token “{token.name}” is revoked.")
    return redirect("profile")


@require_http_methods(["GET", "HEAD"])
def signup_closed(request: HttpRequest) -> HttpResponse:
    """Nobody signs up; the page says how people come in."""
    return render(request, "account/signup_closed.html", status=403)


def _link_context(request: HttpRequest, issued: IssuedLink | None) -> dict[str, Any]:
    if issued is None:
        return {}
    return {"issued": issued, "issued_url": request.build_absolute_uri(issued.path)}


def _status(form: Any) -> int:
    return 422 if form.is_bound and form.errors else 200
