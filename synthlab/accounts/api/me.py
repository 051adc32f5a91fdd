"""`me`: oneself."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from synthlab.accounts.api.serializers import MeSerializer
from synthlab.accounts.services import people
from synthlab.core.api.preconditions import check_if_match, conditional_response, etag_of_data
from synthlab.core.people import person_of


class MeView(APIView):
    """The person who asks."""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Who one is, and one's preferences."""
        return conditional_response(request, MeSerializer(person_of(request)).data)

    @extend_schema(request=MeSerializer, responses=MeSerializer)
    def patch(self, request: Request) -> Response:
        """Change one's shown name or preferences (If-Match)."""
        user = person_of(request)
        check_if_match(request, etag_of_data(MeSerializer(user).data))
        body = MeSerializer(user, data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        data = MeSerializer(people.change_profile(actor=user, **body.validated_data)).data
        return Response(data, headers={"ETag": etag_of_data(data)})
