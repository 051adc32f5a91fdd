"""A ceiling on requests for each person, so that one runaway script does not starve the others."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from django.core.cache import caches
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView


class PersonThrottle(BaseThrottle):
    """So many requests in a fixed window, counted by user, else by address.

    It is counted in the memory of each web process, so the true ceiling is the rate times the number
    of processes: a guard against runaway clients, not a quota. A shared count would cost a
    synchronous database write for every request. (Logins are limited on a shared count.)
    """

    scope = "person"

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count this request and say whether it may go on."""
        rate = api_settings.DEFAULT_THROTTLE_RATES.get(self.scope)
        limit, seconds = SimpleRateThrottle.parse_rate(self, rate)  # type: ignore[arg-type]
        if not limit or not seconds:
            return True
        now = time.time()
        window = int(now // seconds)
        self._wait = math.ceil((window + 1) * seconds - now)
        cache = caches["local"]
        key = f"throttle:{self._who(request)}:{window}"
        cache.add(key, 0, timeout=seconds + 1)
        try:
            return int(cache.incr(key)) <= limit
        except ValueError:  # culled between the two calls
            return True

    def wait(self) -> float | None:
        """Seconds until the next window."""
        return self._wait

    def _who(self, request: Request) -> str:
        if request.user.is_authenticated:
            return f"user:{request.user.pk}"
        return f"address:{self.get_ident(request)}"
