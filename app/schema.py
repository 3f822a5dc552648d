"""The protocols' routes in the OpenAPI document, beside the REST views': from their tables and shapes."""

import re
from typing import Any

import msgspec
import pydantic
from drf_spectacular.extensions import OpenApiAuthenticationExtension

from decisions.protocols import protocols
from decisions.protocols._base import WEBSOCKET, Protocol, Route


def add_protocol_routes(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    for protocol in protocols():
        for route in protocol.routes:
            if route.is_alias or route.method == WEBSOCKET:
                continue
            operations = result["paths"].setdefault(route.path, {})
            operations[route.method.lower()] = _operation(protocol, route, schemas)
    result["paths"] = dict(sorted(result["paths"].items()))
    return result


def _operation(protocol: Protocol, route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{protocol.slug}_{route.path}_{route.method.lower()}").strip("_"),
        "summary": route.summary,
        "tags": [protocol.slug],
        "responses": {"200": {"description": "", "content": _json(_schema(route.response, protocol, schemas))}},
    }
    if route.right is not None:
        operation["security"] = [{"environmentKey": []}, {}] if protocol.is_open else [{"environmentKey": []}]
    if names := re.findall(r"\{(\w+)\}", route.path):
        operation["parameters"] = [_path_parameter(name) for name in names]
    if route.request is not None:
        operation["requestBody"] = {"required": True, "content": _json(_schema(route.request, protocol, schemas))}
    return operation


def _path_parameter(name: str) -> dict[str, Any]:
    return {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _schema(shape: Any, protocol: Protocol, schemas: dict[str, Any]) -> dict[str, Any]:
    """A shape's schema. Those that it refers to bear their protocol's name: several have a `Flag`."""
    if shape is None:
        return {}
    reference = f"#/components/schemas/{protocol.slug}.{{name}}"
    if isinstance(shape, type) and issubclass(shape, pydantic.BaseModel):
        schema = shape.model_json_schema(ref_template=reference.replace("{name}", "{model}"))
        components = schema.pop("$defs", {})
    else:
        (schema,), components = msgspec.json.schema_components([shape], ref_template=reference)
    schemas.update({f"{protocol.slug}.{name}": component for name, component in components.items()})
    return schema


class EnvironmentKeyScheme(OpenApiAuthenticationExtension):
    """How the schema describes keys to environments."""

    target_class = "tenants.authentication.EnvironmentKeyAuthentication"
    name = "environmentKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "X-Environment-Key"}


class TokenScheme(OpenApiAuthenticationExtension):
    """How the schema describes people's tokens."""

    target_class = "tenants.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "Token …"}


class SessionScheme(OpenApiAuthenticationExtension):
    """How the schema describes the admin's session."""

    target_class = "tenants.authentication.PersonAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
