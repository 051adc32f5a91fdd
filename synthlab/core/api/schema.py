"""The API's own description. It is the same for everybody, so it is made once a process."""

from __future__ import annotations

from typing import Any

from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response

_made: dict[str, Any] = {}


class SchemaView(SpectacularAPIView):
    """OpenAPI 3, in YAML or JSON."""

    def _get_schema_response(self, request: Request) -> Response:
        language = str(request.GET.get("lang", ""))[:8]
        if language not in _made:
            _made.clear()
            _made[language] = super()._get_schema_response(request).data  # type: ignore[no-untyped-call]
        name = self._get_filename(request, "")  # type: ignore[no-untyped-call]
        return Response(_made[language], headers={"Content-Disposition": f'inline; filename="{name}"'})
