"""Whether a caller may do what it asks for: the method names the right, the table in roles.py says who has it."""

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from tenants.authentication import Access
from tenants.roles import Right

if TYPE_CHECKING:
    from rest_framework.views import APIView  # importing it here would go round in a circle: DRF reads its settings


class RolePermission(BasePermission):
    """Reading takes the right to read, everything else the right to edit, in the environment that is named."""

    message = "this key or role may not do that"

    def has_permission(self, request: Request, view: "APIView") -> bool:
        access = request.auth
        if not isinstance(access, Access):
            return False
        right = Right.READ if request.method in SAFE_METHODS else Right.EDIT
        if access.environment is None:
            self.message = "name an environment: send X-Environment-Key, or X-Environment-Id with a token or session"
            return False
        return right in access.rights
