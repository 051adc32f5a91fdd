"""The menu and the home page: apps register what they offer, nothing here knows them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

if TYPE_CHECKING:
    from synthlab.accounts.models import User


@dataclass(frozen=True)
class NavItem:
    """One entry of the main menu or of the person's own menu."""

    label: str
    url_name: str
    roles: frozenset[str]
    shown: Callable[[User], bool] | None
    order: int

    def is_for(self, user: User) -> bool:
        """Whether this person sees the entry."""
        if self.roles and user.role not in self.roles:
            return False
        return self.shown is None or self.shown(user)


@dataclass(frozen=True)
class HomeCard:
    """Something to do next, on the home page.

    `tone` is one of ok, warn, bad, info; `count` stands large beside the title.
    """

    title: str
    text: str
    url: str
    action: str
    count: int | None = None
    tone: str = "info"
    order: int = 50


HomeSection = Callable[["User"], Iterable[HomeCard]]

_main: list[NavItem] = []
_personal: list[NavItem] = []
_sections: list[HomeSection] = []


def register_nav(
    label: str,
    url_name: str,
    *,
    roles: Collection[str] = (),
    shown: Callable[[User], bool] | None = None,
    order: int = 50,
    personal: bool = False,
) -> None:
    """Add a menu entry; called from `AppConfig.ready()`.

    Args:
        label: What stands in the menu.
        url_name: The name of a page without arguments.
        roles: Who sees it; everybody when empty.
        shown: A further condition, asked on each page.
        order: Small numbers stand first.
        personal: In the person's own menu instead of the main one.
    """
    entries = _personal if personal else _main
    if all(entry.url_name != url_name for entry in entries):
        entries.append(NavItem(label, url_name, frozenset(roles), shown, order))
        entries.sort(key=lambda entry: entry.order)


def register_home_section(section: HomeSection) -> None:
    """Add cards to the home page; called from `AppConfig.ready()`.

    Args:
        section: Gives, for a person, the cards that tell what to do next; none is fine.
    """
    if section not in _sections:
        _sections.append(section)


def home_cards(user: User) -> list[HomeCard]:
    """All cards for one person, most pressing first."""
    cards = [card for section in _sections for card in section(user)]
    return sorted(cards, key=lambda card: card.order)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The context processor: `nav_items` and `user_menu_items` for the page's frame."""
    found = getattr(request, "user", None)
    if found is None or not found.is_authenticated:
        return {"nav_items": [], "user_menu_items": []}
    user = cast("User", found)
    return {
        "nav_items": _shown(_main, user, request.path),
        "user_menu_items": _shown(_personal, user, request.path),
    }


def _shown(entries: list[NavItem], user: User, path: str) -> list[dict[str, Any]]:
    items = []
    for entry in entries:
        if not entry.is_for(user):
            continue
        try:
            url = reverse(entry.url_name)
        except NoReverseMatch:
            continue
        items.append(
            {"url": url, "label": entry.label, "active": path == url or (url != "/" and path.startswith(url))}
        )
    return items
