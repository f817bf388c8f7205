"""Every setting of the pods as a page of Markdown: `docs/settings.md` is this, and a test holds it to that."""

from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from backbone.runtime.settings import PodSettings

INTRODUCTION = """\
# Settings

Read once, from the environment, when a pod starts. A missing or wrong one stops the pod, and all of them are listed.
This page is what `bellwire settings` prints.
"""


# Read by the demo, the tests or the command's client parts, not by a pod.
ELSEWHERE = frozenset(
    f"BELLWIRE_{name}"
    for name in ("PORT", "API_PODS", "GATEWAY_PODS", "URL", "KEY", "POSTGRES_BIN", "EMBEDDED_FSYNC", "FAULT")
)


def unknown(environment: Mapping[str, str]) -> list[str]:
    """The `BELLWIRE_…` variables that nothing reads: typing errors, most likely."""
    from api.settings import ApiSettings
    from gateway.settings import GatewaySettings

    known = {
        f"BELLWIRE_{name.upper()}" for cls in (ApiSettings, GatewaySettings) for name in cls.model_fields
    }
    return sorted(
        name for name in environment if name.startswith("BELLWIRE_") and name not in known | ELSEWHERE
    )


def page() -> str:
    """Return the page."""
    from api.settings import ApiSettings
    from gateway.settings import GatewaySettings

    common = PodSettings.model_fields
    return "\n".join(
        [
            INTRODUCTION,
            _section("Both kinds of pod", common),
            _section("API pods", _own(ApiSettings)),
            _section("Gateway pods", _own(GatewaySettings)),
        ]
    )


def _own(cls: type[PodSettings]) -> dict[str, FieldInfo]:
    return {name: field for name, field in cls.model_fields.items() if name not in PodSettings.model_fields}


def _section(title: str, fields: dict[str, FieldInfo]) -> str:
    rows = [
        f"| `BELLWIRE_{name.upper()}` | {_default(field)} | {field.description or ''} |"
        for name, field in fields.items()
    ]
    return "\n".join(
        [f"## {title}", "", "| variable | default | meaning |", "| --- | --- | --- |", *rows, ""]
    )


def _default(field: FieldInfo) -> str:
    default: Any = field.default
    if field.default_factory is not None:
        return "host and process"
    if default is PydanticUndefined:
        return "**required**"
    return "none" if default == () else f"`{default}`"
